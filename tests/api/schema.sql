-- What processes depend on in the schema, as one JSON document.
with tables as (
  select oid, relname as name from pg_class
  where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v') and relname <> 'refinery_schema_history'
), columns as (
  select attrelid as of, jsonb_object_agg(attname, jsonb_build_object(
    'type', format_type(atttypid, atttypmod), 'not_null', attnotnull,
    'filled', atthasdef or attidentity <> '' or attgenerated <> '')) as all
  from pg_attribute where attnum > 0 and not attisdropped group by attrelid
), rules as (
  -- Also unique indexes that no constraint made.
  select of, jsonb_object_agg(name, jsonb_build_object('rule', rule, 'columns', columns)) as all from (
    select conrelid as of, conname as name, pg_get_constraintdef(oid) as rule,
      coalesce((select jsonb_agg(attname order by attname) from pg_attribute
                where attrelid = conrelid and attnum = any(conkey)), '[]') as columns
    from pg_constraint
    union all
    select indrelid, indexrelid::regclass::text, pg_get_indexdef(indexrelid),
      coalesce((select jsonb_agg(attname order by attname) from pg_attribute
                where attrelid = indrelid and attnum = any(indkey)), '[]')
    from pg_index where indisunique and not exists (select from pg_constraint where conindid = indexrelid)
  ) as each group by of
), policies as (
  select (schemaname || '.' || tablename)::regclass::oid as of,
    jsonb_object_agg(policyname, jsonb_build_object('for', cmd, 'roles', to_jsonb(roles), 'using', qual, 'check', with_check)) as all
  from pg_policies where schemaname = 'public' group by 1
), grants as (
  select (table_schema || '.' || table_name)::regclass::oid as of,
    jsonb_agg(grantee || ': ' || lower(privilege_type) order by grantee, privilege_type) as all
  from information_schema.role_table_grants
  where table_schema = 'public' and grantee in ('traffic_manager_app', 'traffic_manager_retention') group by 1
)
select jsonb_build_object(
  'tables', jsonb_object_agg(tables.name, jsonb_build_object(
    'columns', columns.all, 'rules', coalesce(rules.all, '{}'), 'policies', coalesce(policies.all, '{}'), 'grants', coalesce(grants.all, '[]'))),
  'functions', (select coalesce(jsonb_object_agg(oid::regprocedure::text, pg_get_function_result(oid)), '{}')
                from pg_proc where pronamespace = 'public'::regnamespace))
from tables join columns on columns.of = tables.oid left join rules on rules.of = tables.oid
  left join policies on policies.of = tables.oid left join grants on grants.of = tables.oid
