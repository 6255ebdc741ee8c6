nginx -t
