nginx -t -q || exit 1
nginx -s quit
nginx
