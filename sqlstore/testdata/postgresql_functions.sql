-- The statements of package sqlstore on postgresql, with functions, with the default table prefix.
-- This file is written by go test ./sqlstore -update. The parts of composed statements stand at the end.

-- name: function: commit of one plain line
-- Created by Migrate, for Options.Functions.
CREATE OR REPLACE FUNCTION allocation_commit_line_6_d47dfa1c (bigint, bigint, bigint, bigint, text, bigint,
  bigint, bigint, text, text, text, bigint, bigint, text, bigint, text, bigint, bigint, text, text, text)
RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  UPDATE allocation_products SET version = $1, refused = $2, low_stock = $3, low = $4
  WHERE sku = $5 AND version = $6;
  IF NOT FOUND THEN RETURN 0; END IF;
  UPDATE allocation_batches b SET purchased = b.purchased + $7, allocated = b.allocated + $8
  WHERE b.ref = $9 AND b.sku = $5;
  IF NOT FOUND THEN RAISE division_by_zero; END IF;
  INSERT INTO allocation_lines (order_id, sku, part, batch_ref, quantity, shipped, split, sequence)
  VALUES (CAST($10 AS text), $5, 0, CAST($11 AS text), CAST($12 AS bigint), 0, 0, CAST($13 AS bigint));
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  VALUES ($5, $1, CAST($14 AS text), CAST($15 AS bigint), CAST($16 AS text), CAST($17 AS bigint),
    CAST($18 AS bigint), CAST($19 AS text), CAST($20 AS uuid), CAST($21 AS text), $1, 6);
  RETURN 1;
END
$$
;

-- name: commit of one plain line
-- Takes the place of the statement without Options.Functions.
-- Parameters: product_version, product_refused, product_low_stock, product_low, product_sku, product_seen,
-- batch_purchased, batch_allocated, batch_ref, line_order_id, line_batch_ref, line_quantity, line_sequence,
-- event_kind, event_at, event_batch_ref, event_purchased, event_allocated, event_data, event_id,
-- event_trace_parent.
SELECT allocation_commit_line_6_d47dfa1c($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
  $16, $17, $18, $19, $20, $21), 1
;
