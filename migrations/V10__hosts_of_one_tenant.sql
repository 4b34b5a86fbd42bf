-- A host belongs to one tenant, with all its path prefixes: no other tenant may have the same host, a wildcard over it, or a name under its
-- wildcard. What a wildcard keeps for its tenant is its base and every name under it, of any depth (src/domain/host.rs).

-- The names that a tenant may have hosts of: a list. Empty, any host that is free.
alter table tenants add column allowed_hosts jsonb not null default '[]';

-- The labels of a host from right to left, without `*`: 'com.example.shop'. So all names under a name stand together in an index.
create function host_place(host text) returns text language sql immutable strict
  return (select string_agg(label, '.' order by at desc)
          from unnest(string_to_array(case when host like '*.%' then substr(host, 3) else host end, '.')) with ordinality as l (label, at));

-- Where a host stands, the places above it, and of a wildcard the range of the places under it ('/' is the character after '.').
create function host_span(host text, out place text, out above text[], out under_from text, out under_to text)
  language plpgsql immutable as $$
declare
  labels text[];
begin
  place := host_place(host);
  labels := string_to_array(place, '.');
  above := array(select array_to_string(labels[1:at], '.') from generate_series(1, cardinality(labels) - 1) as at);
  if host like '*.%' then
    under_from := place || '.';
    under_to := place || '/';
  end if;
end
$$;

alter table policy_hosts
  add column place       text collate "C" not null default '',
  add column is_wildcard boolean          not null default false;

-- Filled in here, and not by whom inserts: a process of the release before knows neither column.
create function place_host() returns trigger language plpgsql as $$
begin
  new.place := host_place(new.host);
  new.is_wildcard := new.host like '*.%';
  return new;
end
$$;

create trigger place_host before insert or update on policy_hosts for each row execute function place_host();

update policy_hosts set place = host_place(host), is_wildcard = host like '*.%';

create index policy_hosts_by_place on policy_hosts (place, is_wildcard);

-- The rows, of those that are seen, that overlap with a host: at its place, wildcards above it, and of a wildcard all under it. Its arguments
-- are columns of `host_span`: a comparison with a function's result would not pass the guard of the rows, and find no index (V5).
create function overlapping_hosts(place text, above text[], under_from text, under_to text) returns setof policy_hosts
  language sql stable rows 1 as $$
  select h.* from policy_hosts h where h.place = $1 collate "C"
  union all
  select h.* from policy_hosts h where h.place = any ($2 collate "C") and h.is_wildcard
  union all
  select h.* from policy_hosts h where h.place > $3 collate "C" and h.place < $4 collate "C"
$$;

-- What is taken of the hosts that tenants want; `owned_prefixes` stays for processes of the release before. Of tenants that are seen: whose it is, where it is another tenant's, or is the host itself. Of
-- all others: that there is something that overlaps, and nothing else. The setting cannot be an attribute of the function (V5).
create function taken_hosts(tenants text[], hosts text[])
  returns table (wanted text, tenant text, service text, env text, host text, path_prefix text)
  language plpgsql rows 10
  as $$
#variable_conflict use_column
declare
  visible constant text := coalesce(current_setting('app.tenants', true), '');
  seen constant text[] := string_to_array(visible, ',');
begin
  perform set_config('app.tenants', '*', true);
  return query
    with w as materialized (
      select u.tenant, u.host, s.* from unnest(taken_hosts.tenants, taken_hosts.hosts) as u (tenant, host), lateral host_span(u.host) as s
    )
    select w.host, h.tenant, h.service, h.env, h.host, h.path_prefix
    from w, lateral overlapping_hosts(w.place, w.above, w.under_from, w.under_to) as h
    where h.tenant = any (seen) and (h.tenant <> w.tenant or h.host = w.host)
    union
    select w.host, null, null, null, null, null from w
    where exists (
      select from overlapping_hosts(w.place, w.above, w.under_from, w.under_to) as h where h.tenant <> all (seen)
    );
  perform set_config('app.tenants', visible, true);
end
$$;

revoke execute on function taken_hosts from public;
grant execute on function taken_hosts to traffic_manager_app;

-- Two transactions that claim at the same moment do not see each other's rows, and no key is broken by a name and a wildcard over it. So who has
-- claimed takes a lock that all claims that could overlap take too, and looks once more: whoever comes second sees what the first has
-- committed. It is the last lock of a transaction, so it is held for little longer than the commit. There are 64 of them, by the last two
-- labels; a wildcard over a top label takes all.
create function keep_hosts_of_one_tenant() returns trigger language plpgsql as $$
declare
  visible constant text := coalesce(current_setting('app.tenants', true), '');
  taken text;
begin
  if not exists (select from claimed) then
    return null;
  end if;
  -- 1752134516 spells "host".
  perform pg_advisory_xact_lock(1752134516, part) from (
    select distinct part from (
      select split_part(n.place, '.', 1) as top, split_part(n.place, '.', 2) as second, n.is_wildcard from claimed as n
    ) as c, generate_series(0, 63) as part
    where (c.is_wildcard and c.second = '') or part = abs(hashtext(c.top || '.' || c.second) % 64)
    order by part
  ) as parts;
  perform set_config('app.tenants', '*', true);
  with c as materialized (select n.tenant, n.host, s.* from claimed as n, lateral host_span(n.host) as s)
  select c.host into taken from c
  where exists (select from overlapping_hosts(c.place, c.above, c.under_from, c.under_to) as h where h.tenant <> c.tenant) limit 1;
  perform set_config('app.tenants', visible, true);
  if taken is not null then
    raise unique_violation using message = format('%s is another tenant''s', taken), table = 'policy_hosts', constraint = 'hosts_of_one_tenant';
  end if;
  return null;
end
$$;

create trigger keep_hosts_of_one_tenant after insert on policy_hosts
  referencing new table as claimed for each statement execute function keep_hosts_of_one_tenant();
create trigger keep_hosts_of_one_tenant_changed after update on policy_hosts
  referencing new table as claimed for each statement execute function keep_hosts_of_one_tenant();
