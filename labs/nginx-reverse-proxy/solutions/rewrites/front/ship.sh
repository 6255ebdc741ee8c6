# The master is the first process. HUP answers nothing, so what it will read is looked over before.
set -e
nginx -t -q
kill -HUP 1
