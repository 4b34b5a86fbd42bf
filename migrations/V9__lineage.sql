-- Whether history was put back. A tenant's revisions count on only while the database is the one that gave the last of them: after a
-- restore, or a promotion of a replica that had not everything, the same numbers would be given a second time, for other changes.

-- How often an operator said that a backup was put back which the server itself cannot tell from its own past.
alter table installation add column restores integer not null default 0;

-- Which history of the whole database this is: the cluster, the timeline (recovery to a point in time and promotion begin a new one), the
-- database and its table (a dump that is put back makes them anew, also in the same cluster), and what operators said. Only a primary can
-- tell.
create function lineage() returns text language sql stable
  return (pg_control_system()).system_identifier || '/' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)
    || '/' || (select oid from pg_database where datname = current_database()) || '/' || 'tenants'::regclass::oid
    || '/' || (select restores from installation where singleton);

-- In which of them the tenant's newest revision was given.
alter table tenants add column lineage text not null default lineage();
