-- SQLite only, and without a change of what may be stored. SQLite fills a table in memory with the values of
-- `IN`, where there are more than two, for every row that is written: half of what a transfer costs. Compared
-- one by one they cost next to nothing. A check is nothing but its text in the schema, so that no row is read, and
-- an index has the same rows under either text. Statements that are to use it say the same (`USAGE`).
PRAGMA writable_schema = ON;

UPDATE sqlite_schema SET sql = replace(replace(sql,
    'CHECK (phase IN (''single'', ''pending'', ''post'', ''post_last'', ''void'', ''expire''))',
    'CHECK (phase = ''single'' OR phase = ''pending'' OR phase = ''post'' OR phase = ''post_last'' '
        || 'OR phase = ''void'' OR phase = ''expire'')'),
    '(phase IN (''post'', ''post_last'', ''void'', ''expire''))',
    '(phase = ''post'' OR phase = ''post_last'' OR phase = ''void'' OR phase = ''expire'')')
WHERE type = 'table' AND name = 'transfers';

UPDATE sqlite_schema SET sql = replace(sql,
    'CHECK (state IN (''open'', ''posted'', ''voided'', ''expired''))',
    'CHECK (state = ''open'' OR state = ''posted'' OR state = ''voided'' OR state = ''expired'')')
WHERE type = 'table' AND name = 'holds';

UPDATE sqlite_schema SET sql = replace(sql,
    'CHECK (key_source IN (''request'', ''stored'', ''operator'', ''none''))',
    'CHECK (key_source = ''request'' OR key_source = ''stored'' OR key_source = ''operator'' '
        || 'OR key_source = ''none'')')
WHERE type = 'table' AND name = 'logs';

UPDATE sqlite_schema SET sql = replace(sql,
    'phase IN (''single'', ''post'', ''post_last'')',
    '(phase = ''single'' OR phase = ''post'' OR phase = ''post_last'')')
WHERE type = 'index' AND name = 'usage_by_time';

PRAGMA writable_schema = RESET;

-- Raises the schema's number, so that every other connection reads the schema anew.
CREATE TABLE checks (it BIGINT);
DROP TABLE checks;
