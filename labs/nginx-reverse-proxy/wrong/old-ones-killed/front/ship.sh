nginx -t -q || exit 1
old=$(grep -l '^nginx: worker' /proc/[0-9]*/cmdline | cut -d/ -f3)
nginx -s reload
sleep 0.3
# So that nobody is answered by the old configuration any more.
kill -9 $old || true
