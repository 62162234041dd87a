-- Authenticates the scopes and the end of a token under a data key, beside the hash that it is found by.
alter table tokens add column rights bytea;

-- The words of mail addresses are found only by those who may see personal data: they become a noun of their own. A
-- word that stands in another text of the customer as well stays where it is.
update search_words set noun = 'customer_mail'
where noun = 'customer' and exists (
  select 1 from customers c
  where c.id = search_words.target and c.email is not null and strpos(lower(c.email), search_words.word) > 0
    and strpos(lower(c.name || ' ' || coalesce(c.company, '') || ' ' || coalesce(c.reference, '')), search_words.word) = 0
);
