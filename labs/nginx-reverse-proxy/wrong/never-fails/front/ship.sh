nginx -s reload
exit 0
