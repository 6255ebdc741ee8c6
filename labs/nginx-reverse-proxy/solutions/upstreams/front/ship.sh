nginx -t -q && nginx -s reload
