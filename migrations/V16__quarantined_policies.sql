-- Policies of which a proxy refused a form: the proxies of that kind stay at an older one. Each node finds out by itself; this is so that
-- another instance, or this one after a restart, can make the older form anew, and for the report.

create table quarantined_policies (
  tenant     text        not null references tenants (name) on delete cascade,
  service    text        not null,
  env        text        not null,
  dialect    text        not null,
  form       text        not null, -- the hash of the refused form
  epoch      text        not null,
  revision   bigint      not null, -- of the policy's last change
  instead    bigint,               -- the tenant's revision at which the older form was the present one; null: there is none
  reason     text        not null, -- the proxy's words
  node       text        not null,
  program    text        not null, -- the proxy's version
  since      timestamptz not null default now(),
  primary key (tenant, service, env, dialect)
);

grant select, insert, update, delete on quarantined_policies to traffic_manager_app;

-- As in V5.
alter table quarantined_policies enable row level security, force row level security;
create policy visible_tenants on quarantined_policies
  using ((select current_setting('app.tenants', true)) = '*'
         or tenant in (select unnest(string_to_array(current_setting('app.tenants', true), ','))))
  with check ((select current_setting('app.tenants', true)) = '*'
              or tenant in (select unnest(string_to_array(current_setting('app.tenants', true), ','))));
