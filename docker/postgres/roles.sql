-- The database and its roles, for psql as superuser with :owner_password and :app_password set. Safe to run again.
--
--   traffic_manager_owner  owns the database and, through the migrations, every object in it; `traffic-manager migrate` uses it
--   traffic_manager_app    may not log in; the migrations grant it what the service needs, and nothing else is granted here
--   traffic_manager_retention  the same for `traffic-manager retain`
--   traffic_manager        the service's login: a member of traffic_manager_app, owner of nothing

SELECT 'CREATE ROLE traffic_manager_app NOLOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'traffic_manager_app') \gexec

SELECT 'CREATE ROLE traffic_manager_retention NOLOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'traffic_manager_retention') \gexec

SELECT 'CREATE ROLE traffic_manager_owner LOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'traffic_manager_owner') \gexec

SELECT 'CREATE ROLE traffic_manager LOGIN IN ROLE traffic_manager_app'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'traffic_manager') \gexec

ALTER ROLE traffic_manager_owner PASSWORD :'owner_password';
ALTER ROLE traffic_manager PASSWORD :'app_password';

SELECT 'CREATE DATABASE traffic_manager OWNER traffic_manager_owner'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'traffic_manager') \gexec

-- Large objects are nobody's here: they would be rows that no limit and no rule of rows knows of. Only a superuser can take this away, in each
-- database. TEMPORARY the migrations take.
\connect traffic_manager
REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea), lo_put(oid, bigint, bytea), lowrite(integer, bytea),
  lo_open(oid, integer), lo_import(text), lo_import(text, oid), lo_truncate(integer, integer), lo_truncate64(integer, bigint) FROM PUBLIC;
