-- What the suites of clients want to find: users of every way to log in, and extensions.
CREATE ROLE pass_user LOGIN PASSWORD 'password';
CREATE ROLE scram_user LOGIN PASSWORD 'password';
SET password_encryption TO 'md5';
CREATE ROLE md5_user LOGIN PASSWORD 'password';
RESET password_encryption;
CREATE ROLE ssl_user LOGIN;
CREATE ROLE test LOGIN PASSWORD 'test' CREATEDB;
GRANT ALL ON DATABASE postgres TO test;
GRANT ALL ON SCHEMA public TO test;
CREATE EXTENSION hstore;
CREATE EXTENSION citext;
CREATE EXTENSION ltree;
