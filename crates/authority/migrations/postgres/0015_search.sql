-- Words are found by a form that SQL cannot compute: a start brings what an earlier version has stored into it.
insert into settings (name, value)
select 'search_index', '1' where not exists (select 1 from search_words)
    on conflict (name) do nothing;
