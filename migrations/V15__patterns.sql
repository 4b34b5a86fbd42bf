-- How many patterns the rules of a policy have: the number is bounded for all policies of a tenant together.
alter table policies add column patterns integer not null default 0 check (patterns >= 0);

update policies set patterns = (select count(*) from jsonb_path_query(spec::jsonb, '$.rules[*].match.headers.*.regex'))
where spec::text like '%"regex"%';

create index policies_with_patterns on policies (tenant) include (patterns) where patterns > 0;
