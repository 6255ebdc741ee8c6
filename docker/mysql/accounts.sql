CREATE USER 'root'@'%' IDENTIFIED WITH caching_sha2_password BY 'labs';
GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION;
