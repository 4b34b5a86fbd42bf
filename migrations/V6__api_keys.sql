-- API keys. Of a token nothing is kept but its keyed hash: the pepper is in the service's configuration and not in the database.

-- The number of the last change of any key: its row's lock puts changes of keys in one order, so that "changed after N" misses none.
create table api_keys_version (
  singleton boolean primary key default true check (singleton),
  version   bigint  not null
);

insert into api_keys_version (version) values (0);

-- It outlives its tenant: a key of a tenant that is deleted is revoked, and stays so when the tenant is made again.
create table api_keys (
  id              text        primary key check (id ~ '^[0-9A-Za-z]{12}$'),
  tenant          text,       -- null: of every tenant
  roles           text[]      not null check (cardinality(roles) > 0),
  services        text[]      not null,
  envs            text[]      not null,
  description     text        not null,
  hash            bytea       not null check (length(hash) = 32),
  previous_hash   bytea       check (length(previous_hash) = 32), -- of the token before the last rotation …
  previous_until  timestamptz,                                    -- … and how long that is still good
  created_at      timestamptz not null default now(),
  created_by      text        not null,
  rotated_at      timestamptz,
  expires_at      timestamptz,
  revoked_at      timestamptz,
  revoked_by      text,
  last_used_at    timestamptz,
  idempotency_key text,
  changed         bigint      not null,
  check ((previous_hash is null) = (previous_until is null))
);

create index api_keys_by_tenant on api_keys (tenant, id);
create index api_keys_by_change on api_keys (changed);
create unique index api_keys_by_idempotency_key on api_keys (created_by, idempotency_key);

-- Accesses that must not be lost on their way to the archive: committed together with what they are about, removed when they are there.
create table access_outbox (
  id         bigint      generated always as identity primary key,
  event      json        not null,
  created_at timestamptz not null default clock_timestamp()
);

-- Keys of a tenant end with it. Who deleted the tenant stands in the tenant's last event.
create function revoke_keys_of_tenant() returns trigger language plpgsql as $$
declare
  next bigint;
begin
  if exists (select from api_keys where tenant = old.name and revoked_at is null) then
    update api_keys_version set version = version + 1 returning version into next;
    with revoked as (
      update api_keys set revoked_at = now(), revoked_by = 'tenant deleted', changed = next
      where tenant = old.name and revoked_at is null returning id
    )
    insert into access_outbox (event)
    select json_build_object(
      'id', gen_random_uuid(), 'kind', 'key_changed', 'action', 'key_revoked', 'reason', 'tenant_deleted', 'tenant', old.name,
      'visible_to', old.name, 'key', id, 'request_id', '', 'suppressed', 0,
      'occurred_at', to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
    from revoked;
  end if;
  return null;
end
$$;

create trigger revoke_keys after delete on tenants for each row execute function revoke_keys_of_tenant();

grant select, insert, update on api_keys to traffic_manager_app;
grant select, update on api_keys_version to traffic_manager_app;
grant select, insert, delete on access_outbox to traffic_manager_app;

-- As in V5. A key of every tenant belongs to the installation.
alter table api_keys enable row level security, force row level security;
create policy visible_tenants on api_keys
  using ((select current_setting('app.tenants', true)) = '*'
         or tenant in (select unnest(string_to_array(current_setting('app.tenants', true), ','))))
  with check ((select current_setting('app.tenants', true)) = '*'
              or tenant in (select unnest(string_to_array(current_setting('app.tenants', true), ','))));
