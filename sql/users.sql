-- users.sql: the schema and the three accounts. Template: sql/create-users puts in the host pattern
-- and the passwords' hashes and prints the result, which the DBA runs as root:
--
--     sql/create-users --frontend-password-file F --backend-password-file F --admin-password-file F | mariadb
--
-- Repeatable: a second run sets the passwords and starts the accounts' rights anew. What the frontend
-- and the backend may do is in grants.sql, as roles, so that it does not depend on the host pattern.

CREATE DATABASE IF NOT EXISTS penstock CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE ROLE IF NOT EXISTS penstock_frontend_rights;
CREATE ROLE IF NOT EXISTS penstock_backend_rights;

-- The internet-facing tier. The limit leaves connections for the others (max_connections is 400)
-- when a captured frontend opens as many as it can.
CREATE USER IF NOT EXISTS 'penstock_frontend'@'@HOST@' IDENTIFIED BY PASSWORD '@FRONTEND@';
ALTER USER 'penstock_frontend'@'@HOST@' IDENTIFIED BY PASSWORD '@FRONTEND@' REQUIRE @TLS@
    WITH MAX_USER_CONNECTIONS 300;
REVOKE ALL PRIVILEGES, GRANT OPTION FROM 'penstock_frontend'@'@HOST@';
GRANT penstock_frontend_rights TO 'penstock_frontend'@'@HOST@';
SET DEFAULT ROLE penstock_frontend_rights FOR 'penstock_frontend'@'@HOST@';

-- Workers, scheduled tasks, the operator's command line.
CREATE USER IF NOT EXISTS 'penstock_backend'@'@HOST@' IDENTIFIED BY PASSWORD '@BACKEND@';
ALTER USER 'penstock_backend'@'@HOST@' IDENTIFIED BY PASSWORD '@BACKEND@' REQUIRE @TLS@;
REVOKE ALL PRIVILEGES, GRANT OPTION FROM 'penstock_backend'@'@HOST@';
GRANT penstock_backend_rights TO 'penstock_backend'@'@HOST@';
SET DEFAULT ROLE penstock_backend_rights FOR 'penstock_backend'@'@HOST@';

-- Migrations only, run by hand (penstockctl migrate). No daemon knows this password. The account must
-- stay: it is the definer of the views and procedures, which run with its rights.
CREATE USER IF NOT EXISTS 'penstock_admin'@'@HOST@' IDENTIFIED BY PASSWORD '@ADMIN@';
ALTER USER 'penstock_admin'@'@HOST@' IDENTIFIED BY PASSWORD '@ADMIN@' REQUIRE @TLS@;
REVOKE ALL PRIVILEGES, GRANT OPTION FROM 'penstock_admin'@'@HOST@';
-- tables and partitions: CREATE, ALTER, INDEX, REFERENCES (foreign keys); DROP for REORGANIZE PARTITION
-- and for partitions whose time has come; SELECT for what the views read
GRANT CREATE, ALTER, DROP, INDEX, REFERENCES, SELECT ON penstock.* TO 'penstock_admin'@'@HOST@';
-- Rows only where it must: the migrations' own table, and those whose partitions it moves. So it has no
-- way to write the ledger. (CREATE is named because the tables need not exist yet.)
GRANT CREATE, INSERT, UPDATE ON penstock.schema_version TO 'penstock_admin'@'@HOST@';
GRANT CREATE, INSERT ON penstock.share TO 'penstock_admin'@'@HOST@';
GRANT CREATE, INSERT ON penstock.job TO 'penstock_admin'@'@HOST@';
GRANT CREATE, INSERT ON penstock.rejected TO 'penstock_admin'@'@HOST@';
-- views and procedures, replacing included
GRANT CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, EXECUTE ON penstock.* TO 'penstock_admin'@'@HOST@';
