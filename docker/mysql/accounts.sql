CREATE USER 'root'@'%' IDENTIFIED WITH caching_sha2_password BY 'labs';
GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION;
-- The checker's own: what a learner does to root's account does not lock it out.
CREATE USER 'labs'@'%' IDENTIFIED WITH caching_sha2_password BY 'labs';
GRANT ALL ON *.* TO 'labs'@'%' WITH GRANT OPTION;
