-- Traffic policies, who owns which host and path prefix, quotas of every sort, and plans.

-- How traffic of one service in one environment is shared between its versions.
create table policies (
  tenant     text        not null references tenants (name),
  service    text        not null,
  env        text        not null,
  spec       json        not null, -- as in the event
  revision   bigint      not null,
  created_at timestamptz not null,
  created_by text        not null,
  updated_at timestamptz not null,
  updated_by text        not null,
  primary key (tenant, service, env)
);

-- A host with a path prefix belongs to one policy of one tenant. The key is what decides between two who claim it at the same time.
create table policy_hosts (
  host        text not null,
  path_prefix text not null,
  tenant      text not null,
  service     text not null,
  env         text not null,
  primary key (host, path_prefix),
  foreign key (tenant, service, env) references policies on delete cascade
);

create index policy_hosts_by_policy on policy_hosts (tenant, service, env);

alter table tenants
  add column policies   integer     not null default 0 check (policies >= 0),
  add column quotas     jsonb       not null default '{}',
  -- When the changes that were made are all paid for at the tenant's rate: the theoretical arrival time of GCRA.
  add column paid_until timestamptz;

update tenants set quotas = jsonb_build_object('routes', routes_quota) where routes_quota is not null;

alter table tenants drop column routes_quota;

-- Changes that were worked out and wait to be reviewed and applied.
create table plans (
  tenant     text        not null references tenants (name) on delete cascade,
  id         uuid        not null,
  epoch      text        not null,
  revision   bigint      not null, -- of the tenant, when it was worked out
  hash       text        not null check (hash ~ '^[0-9a-f]{64}$'),
  plan       json        not null,
  created_at timestamptz not null,
  created_by text        not null,
  expires_at timestamptz not null,
  primary key (tenant, id)
);

create index plans_by_end on plans (expires_at);

grant select, insert, update, delete on policies, policy_hosts, plans to traffic_manager_app;
