-- Personal data: the keys that names, reasons and addresses in events are sealed under. Whoever destroys one erases what it sealed,
-- wherever that was published, archived or copied to.

-- One row for each person in each tenant, and for each life of that person: who acts again after an erasure has a new one.
-- It outlives its tenant, as route_events does: no foreign key.
create table data_keys (
  tenant     text        not null,
  id         text        not null check (id ~ '^[0-9a-f]{16}$'), -- stands in the envelopes
  kind       text        not null,                               -- of the actor, as in its events
  subject    bytea,                                              -- who: HMAC of the actor's id under the index key
  master     text,                                               -- which master key wraps it
  wrapped    bytea,                                              -- the key: AES-256-GCM under the master key
  name       text,                                               -- the actor's id, sealed: the same envelope in all of its events
  created_at timestamptz not null default now(),
  erased_at  timestamptz,
  primary key (tenant, id),
  -- What is erased leaves nothing but that there was something.
  check (num_nonnulls(subject, master, wrapped, name) = case when erased_at is null then 4 else 0 end)
);

-- Without the tenant first: the audit of all tenants is searched for a person, too.
create unique index data_keys_by_person on data_keys (subject, tenant, kind) where erased_at is null;

-- The key that persons are looked up with, made by whoever needs it first. It does not change when master keys do.
create table privacy_index (
  singleton boolean primary key default true check (singleton),
  master    text    not null,
  wrapped   bytea   not null
);

-- The service makes keys and reads them. Destroying or wrapping them anew is for the owner of the schema: a service that is broken into
-- must not be able to make the history nobody's.
grant select, insert on data_keys, privacy_index to traffic_manager_app;

-- As in V5.
alter table data_keys enable row level security, force row level security;
create policy visible_tenants on data_keys
  using ((select current_setting('app.tenants', true)) = '*'
         or tenant in (select unnest(string_to_array(current_setting('app.tenants', true), ','))))
  with check ((select current_setting('app.tenants', true)) = '*'
              or tenant in (select unnest(string_to_array(current_setting('app.tenants', true), ','))));
