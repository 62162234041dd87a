-- The licenses that end soon, for the metrics: the index has all that is read, and no trials.
create index licenses_by_end_but_trials on licenses (expires_sort, status, ends_at, license_type) where license_type <> 'trial';
