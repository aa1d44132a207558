-- The statements of package sqlstore on postgresql, with the default table prefix.
-- This file is written by go test ./sqlstore -update. The parts of composed statements stand at the end.

-- name: load by SKU
-- Reads products by their SKUs, with the lines of some orders. On MariaDB: more than 50 products.
-- Parameters: skus, orders, now, more.
WITH chosen (sku) AS (SELECT DISTINCT value FROM (SELECT value
  FROM json_array_elements_text(CAST($1 AS json)) WHERE value = value || '') k),
wanted (sku, order_id) AS (
  SELECT l.sku, l.order_id FROM (SELECT value FROM json_array_elements_text(CAST($2 AS json))
    WHERE value = value || '') o CROSS JOIN LATERAL (SELECT * FROM allocation_lines l
    WHERE l.order_id = o.value AND l.part = 0 AND l.sku IN (SELECT sku FROM chosen) OFFSET 0) l
  UNION
  SELECT w.sku, w.order_id FROM (SELECT value FROM json_array_elements_text(CAST($2 AS json))
    WHERE value = value || '') o CROSS JOIN LATERAL (SELECT * FROM allocation_waiting w
    WHERE w.order_id = o.value AND w.sku IN (SELECT sku FROM chosen) OFFSET 0) w
  UNION
  SELECT c.sku, h.order_id FROM chosen c CROSS JOIN LATERAL (
    SELECT l.order_id FROM allocation_lines l
    WHERE l.sku = c.sku AND l.part = 0 AND l.held_until <= (SELECT CAST($3 AS bigint))
      AND l.held_until = l.held_until + 0
    ORDER BY l.held_until, l.order_id LIMIT (SELECT CAST($4 AS bigint))) h),
shown (ref) AS (
  SELECT b.ref FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.sku = c.sku
    AND b.open = 1 AND b.blocked = '' AND b.expired = 0 OFFSET 0) b
  UNION
  SELECT l.batch_ref FROM wanted w CROSS JOIN LATERAL (SELECT * FROM allocation_lines l
    WHERE l.order_id = w.order_id AND l.sku = w.sku OFFSET 0) l)
SELECT 0, p.sku, '', '', '', '', '', '', p.version, p.refused, p.low_stock, p.low, p.serving_priority,
  p.serving_sequence, COALESCE((SELECT 1 FROM allocation_waiting w
  WHERE w.sku = p.sku ORDER BY w.priority DESC, w.sequence LIMIT 1), 0), 0, 0, (
  SELECT l.held_until FROM allocation_lines l
  WHERE l.sku = p.sku AND l.part = 0 AND l.held_until > (SELECT CAST($3 AS bigint))
    ORDER BY l.held_until LIMIT 1), NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_products p WHERE p.sku = c.sku OFFSET 0) p
UNION ALL
SELECT 1, b.sku, b.ref, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, 0, 0, 0, 0, b.eta, b.best_before, b.announced_eta,
  b.arrived_at, b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM shown s CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.ref = s.ref OFFSET 0) b
UNION ALL
SELECT 2, l.sku, l.order_id, l.line, l.batch_ref, l.location, l.handed_from, '', l.part, l.quantity,
  l.shipped, l.split, l.sequence, l.priority, l.late, l.partial, l.may_wait, l.held_until, l.needed_by,
  l.fresh_until, l.wanted, l.hold_for, NULL, NULL, NULL
FROM wanted w CROSS JOIN LATERAL (SELECT * FROM allocation_lines l WHERE l.order_id = w.order_id
  AND l.sku = w.sku OFFSET 0) l
UNION ALL
SELECT 3, q.sku, q.order_id, q.line, q.location, q.handed_from, '', '', q.quantity, q.wanted, q.split,
  q.partial, q.priority, q.sequence, 0, 0, 0, q.hold_for, q.needed_by, q.fresh_until, NULL, NULL, NULL, NULL,
  NULL
FROM wanted w CROSS JOIN LATERAL (SELECT * FROM allocation_waiting q WHERE q.order_id = w.order_id
  AND q.sku = w.sku OFFSET 0) q
;

-- name: load by order
-- Reads all products of an order: Cancel, Confirm, Extend and Ship without SKUs.
-- Parameters: order, orders, now, more.
WITH chosen (sku) AS (SELECT sku FROM allocation_lines WHERE order_id = $1 AND part = 0
  UNION SELECT sku FROM allocation_waiting WHERE order_id = $1),
wanted (sku, order_id) AS (
  SELECT l.sku, l.order_id FROM (SELECT value FROM json_array_elements_text(CAST($2 AS json))
    WHERE value = value || '') o CROSS JOIN LATERAL (SELECT * FROM allocation_lines l
    WHERE l.order_id = o.value AND l.part = 0 AND l.sku IN (SELECT sku FROM chosen) OFFSET 0) l
  UNION
  SELECT w.sku, w.order_id FROM (SELECT value FROM json_array_elements_text(CAST($2 AS json))
    WHERE value = value || '') o CROSS JOIN LATERAL (SELECT * FROM allocation_waiting w
    WHERE w.order_id = o.value AND w.sku IN (SELECT sku FROM chosen) OFFSET 0) w
  UNION
  SELECT c.sku, h.order_id FROM chosen c CROSS JOIN LATERAL (
    SELECT l.order_id FROM allocation_lines l
    WHERE l.sku = c.sku AND l.part = 0 AND l.held_until <= (SELECT CAST($3 AS bigint))
      AND l.held_until = l.held_until + 0
    ORDER BY l.held_until, l.order_id LIMIT (SELECT CAST($4 AS bigint))) h),
shown (ref) AS (
  SELECT b.ref FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.sku = c.sku
    AND b.open = 1 AND b.blocked = '' AND b.expired = 0 OFFSET 0) b
  UNION
  SELECT l.batch_ref FROM wanted w CROSS JOIN LATERAL (SELECT * FROM allocation_lines l
    WHERE l.order_id = w.order_id AND l.sku = w.sku OFFSET 0) l)
SELECT 0, p.sku, '', '', '', '', '', '', p.version, p.refused, p.low_stock, p.low, p.serving_priority,
  p.serving_sequence, COALESCE((SELECT 1 FROM allocation_waiting w
  WHERE w.sku = p.sku ORDER BY w.priority DESC, w.sequence LIMIT 1), 0), 0, 0, (
  SELECT l.held_until FROM allocation_lines l
  WHERE l.sku = p.sku AND l.part = 0 AND l.held_until > (SELECT CAST($3 AS bigint))
    ORDER BY l.held_until LIMIT 1), NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_products p WHERE p.sku = c.sku OFFSET 0) p
UNION ALL
SELECT 1, b.sku, b.ref, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, 0, 0, 0, 0, b.eta, b.best_before, b.announced_eta,
  b.arrived_at, b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM shown s CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.ref = s.ref OFFSET 0) b
UNION ALL
SELECT 2, l.sku, l.order_id, l.line, l.batch_ref, l.location, l.handed_from, '', l.part, l.quantity,
  l.shipped, l.split, l.sequence, l.priority, l.late, l.partial, l.may_wait, l.held_until, l.needed_by,
  l.fresh_until, l.wanted, l.hold_for, NULL, NULL, NULL
FROM wanted w CROSS JOIN LATERAL (SELECT * FROM allocation_lines l WHERE l.order_id = w.order_id
  AND l.sku = w.sku OFFSET 0) l
UNION ALL
SELECT 3, q.sku, q.order_id, q.line, q.location, q.handed_from, '', '', q.quantity, q.wanted, q.split,
  q.partial, q.priority, q.sequence, 0, 0, 0, q.hold_for, q.needed_by, q.fresh_until, NULL, NULL, NULL, NULL,
  NULL
FROM wanted w CROSS JOIN LATERAL (SELECT * FROM allocation_waiting q WHERE q.order_id = w.order_id
  AND q.sku = w.sku OFFSET 0) q
;

-- name: load by batch
-- Reads the product of a batch with a page of the newest lines: ReceiveBatch, ChangeBatchQuantity and others.
-- Parameters: batch, orders, now, more.
WITH chosen (sku) AS (SELECT sku FROM allocation_batches WHERE ref = $1),
wanted (sku, order_id) AS (
  SELECT l.sku, l.order_id FROM (SELECT value FROM json_array_elements_text(CAST($2 AS json))
    WHERE value = value || '') o CROSS JOIN LATERAL (SELECT * FROM allocation_lines l
    WHERE l.order_id = o.value AND l.part = 0 AND l.sku IN (SELECT sku FROM chosen) OFFSET 0) l
  UNION
  SELECT w.sku, w.order_id FROM (SELECT value FROM json_array_elements_text(CAST($2 AS json))
    WHERE value = value || '') o CROSS JOIN LATERAL (SELECT * FROM allocation_waiting w
    WHERE w.order_id = o.value AND w.sku IN (SELECT sku FROM chosen) OFFSET 0) w
  UNION
  SELECT c.sku, h.order_id FROM chosen c CROSS JOIN LATERAL (
    SELECT l.order_id FROM allocation_lines l
    WHERE l.sku = c.sku AND l.part = 0 AND l.held_until <= (SELECT CAST($3 AS bigint))
      AND l.held_until = l.held_until + 0
    ORDER BY l.held_until, l.order_id LIMIT (SELECT CAST($4 AS bigint))) h
  UNION
  SELECT leaving.sku, leaving.order_id FROM (
    SELECT l.sku, l.order_id FROM allocation_lines l
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = $1) AND l.batch_ref = $1 AND l.open = 1
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT $4) leaving),
shown (ref) AS (
  SELECT b.ref FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.sku = c.sku
    AND b.open = 1 AND b.blocked = '' AND b.expired = 0 OFFSET 0) b
  UNION
  SELECT l.batch_ref FROM wanted w CROSS JOIN LATERAL (SELECT * FROM allocation_lines l
    WHERE l.order_id = w.order_id AND l.sku = w.sku OFFSET 0) l
  UNION
  SELECT ref FROM allocation_batches WHERE ref = $1)
SELECT 0, p.sku, '', '', '', '', '', '', p.version, p.refused, p.low_stock, p.low, p.serving_priority,
  p.serving_sequence, COALESCE((SELECT 1 FROM allocation_waiting w
  WHERE w.sku = p.sku ORDER BY w.priority DESC, w.sequence LIMIT 1), 0), 0, 0, (
  SELECT l.held_until FROM allocation_lines l
  WHERE l.sku = p.sku AND l.part = 0 AND l.held_until > (SELECT CAST($3 AS bigint))
    ORDER BY l.held_until LIMIT 1), NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_products p WHERE p.sku = c.sku OFFSET 0) p
UNION ALL
SELECT 1, b.sku, b.ref, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, 0, 0, 0, 0, b.eta, b.best_before, b.announced_eta,
  b.arrived_at, b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM shown s CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.ref = s.ref OFFSET 0) b
UNION ALL
SELECT 2, l.sku, l.order_id, l.line, l.batch_ref, l.location, l.handed_from, '', l.part, l.quantity,
  l.shipped, l.split, l.sequence, l.priority, l.late, l.partial, l.may_wait, l.held_until, l.needed_by,
  l.fresh_until, l.wanted, l.hold_for, NULL, NULL, NULL
FROM wanted w CROSS JOIN LATERAL (SELECT * FROM allocation_lines l WHERE l.order_id = w.order_id
  AND l.sku = w.sku OFFSET 0) l
UNION ALL
SELECT 3, q.sku, q.order_id, q.line, q.location, q.handed_from, '', '', q.quantity, q.wanted, q.split,
  q.partial, q.priority, q.sequence, 0, 0, 0, q.hold_for, q.needed_by, q.fresh_until, NULL, NULL, NULL, NULL,
  NULL
FROM wanted w CROSS JOIN LATERAL (SELECT * FROM allocation_waiting q WHERE q.order_id = w.order_id
  AND q.sku = w.sku OFFSET 0) q
;

-- name: load by SKU, with what is due
-- Reads a product with the batches that are due: Sweep. On MariaDB: more than 50 products.
-- Parameters: skus, orders, now, more, from, behind.
WITH chosen (sku) AS (SELECT DISTINCT value FROM (SELECT value
  FROM json_array_elements_text(CAST($1 AS json)) WHERE value = value || '') k),
wanted (sku, order_id) AS (
  SELECT l.sku, l.order_id FROM (SELECT value FROM json_array_elements_text(CAST($2 AS json))
    WHERE value = value || '') o CROSS JOIN LATERAL (SELECT * FROM allocation_lines l
    WHERE l.order_id = o.value AND l.part = 0 AND l.sku IN (SELECT sku FROM chosen) OFFSET 0) l
  UNION
  SELECT w.sku, w.order_id FROM (SELECT value FROM json_array_elements_text(CAST($2 AS json))
    WHERE value = value || '') o CROSS JOIN LATERAL (SELECT * FROM allocation_waiting w
    WHERE w.order_id = o.value AND w.sku IN (SELECT sku FROM chosen) OFFSET 0) w
  UNION
  SELECT c.sku, h.order_id FROM chosen c CROSS JOIN LATERAL (
    SELECT l.order_id FROM allocation_lines l
    WHERE l.sku = c.sku AND l.part = 0 AND l.held_until <= (SELECT CAST($3 AS bigint))
      AND l.held_until = l.held_until + 0
    ORDER BY l.held_until, l.order_id LIMIT (SELECT CAST($4 AS bigint))) h),
shown (ref) AS (
  SELECT b.ref FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.sku = c.sku
    AND b.open = 1 AND b.blocked = '' AND b.expired = 0 OFFSET 0) b
  UNION
  SELECT l.batch_ref FROM wanted w CROSS JOIN LATERAL (SELECT * FROM allocation_lines l
    WHERE l.order_id = w.order_id AND l.sku = w.sku OFFSET 0) l
  UNION
  SELECT b.ref FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.sku = c.sku
    AND b.due <= (SELECT CAST($3 AS bigint)) OFFSET 0) b)
SELECT 0, p.sku, '', '', '', '', '', '', p.version, p.refused, p.low_stock, p.low, p.serving_priority,
  p.serving_sequence, COALESCE((SELECT 1 FROM allocation_waiting w
  WHERE w.sku = p.sku ORDER BY w.priority DESC, w.sequence LIMIT 1), 0), 0, 0, (
  SELECT l.held_until FROM allocation_lines l
  WHERE l.sku = p.sku AND l.part = 0 AND l.held_until > (SELECT CAST($3 AS bigint))
    ORDER BY l.held_until LIMIT 1), (SELECT MIN(w.needed_by) FROM allocation_waiting w
  WHERE w.sku = p.sku AND w.needed_by >= (SELECT CAST($5 AS bigint)) - 1
    AND (w.needed_by > (SELECT CAST($5 AS bigint)) - 1 OR w.sku > $6)), NULL, NULL, NULL, NULL, NULL, NULL
FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_products p WHERE p.sku = c.sku OFFSET 0) p
UNION ALL
SELECT 1, b.sku, b.ref, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, 0, 0, 0, 0, b.eta, b.best_before, b.announced_eta,
  b.arrived_at, b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM shown s CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.ref = s.ref OFFSET 0) b
UNION ALL
SELECT 2, l.sku, l.order_id, l.line, l.batch_ref, l.location, l.handed_from, '', l.part, l.quantity,
  l.shipped, l.split, l.sequence, l.priority, l.late, l.partial, l.may_wait, l.held_until, l.needed_by,
  l.fresh_until, l.wanted, l.hold_for, NULL, NULL, NULL
FROM wanted w CROSS JOIN LATERAL (SELECT * FROM allocation_lines l WHERE l.order_id = w.order_id
  AND l.sku = w.sku OFFSET 0) l
UNION ALL
SELECT 3, q.sku, q.order_id, q.line, q.location, q.handed_from, '', '', q.quantity, q.wanted, q.split,
  q.partial, q.priority, q.sequence, 0, 0, 0, q.hold_for, q.needed_by, q.fresh_until, NULL, NULL, NULL, NULL,
  NULL
FROM wanted w CROSS JOIN LATERAL (SELECT * FROM allocation_waiting q WHERE q.order_id = w.order_id
  AND q.sku = w.sku OFFSET 0) q
;

-- name: load of what is due
-- Reads the products with the holds and batches that were due first: Sweep. On MariaDB: finds the products.
-- Parameters: now, from, behind, limit, orders, more.
WITH chosen (sku) AS (
  SELECT DISTINCT oldest.sku FROM (
    SELECT due.sku FROM (
      SELECT holds.moment, holds.sku FROM (
        SELECT l.held_until AS moment, l.sku FROM allocation_lines l
        WHERE l.part = 0 AND l.held_until <= (SELECT CAST($1 AS bigint))
          AND l.held_until >= (SELECT CAST($2 AS bigint))
            AND (l.held_until > (SELECT CAST($2 AS bigint)) OR l.sku > $3)
          AND l.held_until = l.held_until + 0
        ORDER BY l.held_until, l.sku LIMIT (SELECT CAST($4 AS bigint))) holds
      UNION ALL
      SELECT lots.moment, lots.sku FROM (
        SELECT b.due AS moment, b.sku FROM allocation_batches b
        WHERE b.due <= (SELECT CAST($1 AS bigint))
          AND b.due >= (SELECT CAST($2 AS bigint)) AND (b.due > (SELECT CAST($2 AS bigint)) OR b.sku > $3)
          AND b.due = b.due + 0
        ORDER BY b.due, b.sku LIMIT (SELECT CAST($4 AS bigint))) lots
      UNION ALL
      SELECT needed.moment, needed.sku FROM (
        SELECT w.needed_by + 1 AS moment, w.sku FROM allocation_waiting w
        WHERE w.needed_by < (SELECT CAST($1 AS bigint))
          AND w.needed_by >= (SELECT CAST($2 AS bigint)) - 1
          AND (w.needed_by > (SELECT CAST($2 AS bigint)) - 1 OR w.sku > $3)
        ORDER BY w.needed_by, w.sku LIMIT (SELECT CAST($4 AS bigint))) needed
      UNION ALL
      SELECT serving.moment, serving.sku FROM (
        SELECT -62135596800000000 AS moment, marked.sku
        FROM allocation_products marked
        WHERE marked.serving_sequence > 0 AND -62135596800000000 >= (SELECT CAST($2 AS bigint))
          AND (-62135596800000000 > (SELECT CAST($2 AS bigint)) OR marked.sku > $3)
        ORDER BY marked.sku LIMIT (SELECT CAST($4 AS bigint))) serving) due
    ORDER BY due.moment, due.sku LIMIT (SELECT CAST($4 AS bigint))) oldest),
wanted (sku, order_id) AS (
  SELECT l.sku, l.order_id FROM (SELECT value FROM json_array_elements_text(CAST($5 AS json))
    WHERE value = value || '') o CROSS JOIN LATERAL (SELECT * FROM allocation_lines l
    WHERE l.order_id = o.value AND l.part = 0 AND l.sku IN (SELECT sku FROM chosen) OFFSET 0) l
  UNION
  SELECT w.sku, w.order_id FROM (SELECT value FROM json_array_elements_text(CAST($5 AS json))
    WHERE value = value || '') o CROSS JOIN LATERAL (SELECT * FROM allocation_waiting w
    WHERE w.order_id = o.value AND w.sku IN (SELECT sku FROM chosen) OFFSET 0) w
  UNION
  SELECT c.sku, h.order_id FROM chosen c CROSS JOIN LATERAL (
    SELECT l.order_id FROM allocation_lines l
    WHERE l.sku = c.sku AND l.part = 0 AND l.held_until <= (SELECT CAST($1 AS bigint))
      AND l.held_until = l.held_until + 0
    ORDER BY l.held_until, l.order_id LIMIT (SELECT CAST($6 AS bigint))) h),
shown (ref) AS (
  SELECT b.ref FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.sku = c.sku
    AND b.open = 1 AND b.blocked = '' AND b.expired = 0 OFFSET 0) b
  UNION
  SELECT l.batch_ref FROM wanted w CROSS JOIN LATERAL (SELECT * FROM allocation_lines l
    WHERE l.order_id = w.order_id AND l.sku = w.sku OFFSET 0) l
  UNION
  SELECT b.ref FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.sku = c.sku
    AND b.due <= (SELECT CAST($1 AS bigint)) OFFSET 0) b)
SELECT 0, p.sku, '', '', '', '', '', '', p.version, p.refused, p.low_stock, p.low, p.serving_priority,
  p.serving_sequence, COALESCE((SELECT 1 FROM allocation_waiting w
  WHERE w.sku = p.sku ORDER BY w.priority DESC, w.sequence LIMIT 1), 0), 0, 0, (
  SELECT l.held_until FROM allocation_lines l
  WHERE l.sku = p.sku AND l.part = 0 AND l.held_until > (SELECT CAST($1 AS bigint))
    ORDER BY l.held_until LIMIT 1), (SELECT MIN(w.needed_by) FROM allocation_waiting w
  WHERE w.sku = p.sku AND w.needed_by >= (SELECT CAST($2 AS bigint)) - 1
    AND (w.needed_by > (SELECT CAST($2 AS bigint)) - 1 OR w.sku > $3)), NULL, NULL, NULL, NULL, NULL, NULL
FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_products p WHERE p.sku = c.sku OFFSET 0) p
UNION ALL
SELECT 1, b.sku, b.ref, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, 0, 0, 0, 0, b.eta, b.best_before, b.announced_eta,
  b.arrived_at, b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM shown s CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.ref = s.ref OFFSET 0) b
UNION ALL
SELECT 2, l.sku, l.order_id, l.line, l.batch_ref, l.location, l.handed_from, '', l.part, l.quantity,
  l.shipped, l.split, l.sequence, l.priority, l.late, l.partial, l.may_wait, l.held_until, l.needed_by,
  l.fresh_until, l.wanted, l.hold_for, NULL, NULL, NULL
FROM wanted w CROSS JOIN LATERAL (SELECT * FROM allocation_lines l WHERE l.order_id = w.order_id
  AND l.sku = w.sku OFFSET 0) l
UNION ALL
SELECT 3, q.sku, q.order_id, q.line, q.location, q.handed_from, '', '', q.quantity, q.wanted, q.split,
  q.partial, q.priority, q.sequence, 0, 0, 0, q.hold_for, q.needed_by, q.fresh_until, NULL, NULL, NULL, NULL,
  NULL
FROM wanted w CROSS JOIN LATERAL (SELECT * FROM allocation_waiting q WHERE q.order_id = w.order_id
  AND q.sku = w.sku OFFSET 0) q
;

-- name: load of those who wait
-- Reads a page of the lines of a product that wait: Cancel, AddBatch and others, if anybody waits.
-- Parameters: skus, orders, now, more, sku0, serving_priority, serving_sequence.
WITH chosen (sku) AS (SELECT value FROM (SELECT value FROM json_array_elements_text(CAST($1 AS json))
  WHERE value = value || '') k),
wanted (sku, order_id) AS (
  SELECT l.sku, l.order_id FROM (SELECT value FROM json_array_elements_text(CAST($2 AS json))
    WHERE value = value || '') o CROSS JOIN LATERAL (SELECT * FROM allocation_lines l
    WHERE l.order_id = o.value AND l.part = 0 AND l.sku IN (SELECT sku FROM chosen) OFFSET 0) l
  UNION
  SELECT w.sku, w.order_id FROM (SELECT value FROM json_array_elements_text(CAST($2 AS json))
    WHERE value = value || '') o CROSS JOIN LATERAL (SELECT * FROM allocation_waiting w
    WHERE w.order_id = o.value AND w.sku IN (SELECT sku FROM chosen) OFFSET 0) w
  UNION
  SELECT c.sku, h.order_id FROM chosen c CROSS JOIN LATERAL (
    SELECT l.order_id FROM allocation_lines l
    WHERE l.sku = c.sku AND l.part = 0 AND l.held_until <= (SELECT CAST($3 AS bigint))
      AND l.held_until = l.held_until + 0
    ORDER BY l.held_until, l.order_id LIMIT (SELECT CAST($4 AS bigint))) h
  UNION
  SELECT page.sku, page.order_id FROM (
    SELECT * FROM (SELECT w.sku, w.order_id, w.priority, w.sequence FROM allocation_waiting w
      WHERE w.sku = $5 AND w.priority = $6 AND w.sequence >= $7
      ORDER BY w.sequence LIMIT $4) same
    UNION ALL
    SELECT * FROM (SELECT w.sku, w.order_id, w.priority, w.sequence FROM allocation_waiting w
      WHERE w.sku = $5 AND w.priority < $6
      ORDER BY w.priority DESC, w.sequence LIMIT $4) lower
    ORDER BY priority DESC, sequence LIMIT $4) page),
shown (ref) AS (
  SELECT b.ref FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.sku = c.sku
    AND b.open = 1 AND b.blocked = '' AND b.expired = 0 OFFSET 0) b
  UNION
  SELECT l.batch_ref FROM wanted w CROSS JOIN LATERAL (SELECT * FROM allocation_lines l
    WHERE l.order_id = w.order_id AND l.sku = w.sku OFFSET 0) l)
SELECT 0, p.sku, '', '', '', '', '', '', p.version, p.refused, p.low_stock, p.low, p.serving_priority,
  p.serving_sequence, COALESCE((SELECT 1 FROM allocation_waiting w
  WHERE w.sku = p.sku ORDER BY w.priority DESC, w.sequence LIMIT 1), 0), 0, 0, (
  SELECT l.held_until FROM allocation_lines l
  WHERE l.sku = p.sku AND l.part = 0 AND l.held_until > (SELECT CAST($3 AS bigint))
    ORDER BY l.held_until LIMIT 1), NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_products p WHERE p.sku = c.sku OFFSET 0) p
UNION ALL
SELECT 1, b.sku, b.ref, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, 0, 0, 0, 0, b.eta, b.best_before, b.announced_eta,
  b.arrived_at, b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM shown s CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.ref = s.ref OFFSET 0) b
UNION ALL
SELECT 2, l.sku, l.order_id, l.line, l.batch_ref, l.location, l.handed_from, '', l.part, l.quantity,
  l.shipped, l.split, l.sequence, l.priority, l.late, l.partial, l.may_wait, l.held_until, l.needed_by,
  l.fresh_until, l.wanted, l.hold_for, NULL, NULL, NULL
FROM wanted w CROSS JOIN LATERAL (SELECT * FROM allocation_lines l WHERE l.order_id = w.order_id
  AND l.sku = w.sku OFFSET 0) l
UNION ALL
SELECT 3, q.sku, q.order_id, q.line, q.location, q.handed_from, '', '', q.quantity, q.wanted, q.split,
  q.partial, q.priority, q.sequence, 0, 0, 0, q.hold_for, q.needed_by, q.fresh_until, NULL, NULL, NULL, NULL,
  NULL
FROM wanted w CROSS JOIN LATERAL (SELECT * FROM allocation_waiting q WHERE q.order_id = w.order_id
  AND q.sku = w.sku OFFSET 0) q
;

-- name: load of those who wait no longer
-- Reads a page of the lines of a product that wait although NeededBy has passed: Sweep.
-- Parameters: skus, orders, now, more, sku0, from, behind.
WITH chosen (sku) AS (SELECT value FROM (SELECT value FROM json_array_elements_text(CAST($1 AS json))
  WHERE value = value || '') k),
wanted (sku, order_id) AS (
  SELECT l.sku, l.order_id FROM (SELECT value FROM json_array_elements_text(CAST($2 AS json))
    WHERE value = value || '') o CROSS JOIN LATERAL (SELECT * FROM allocation_lines l
    WHERE l.order_id = o.value AND l.part = 0 AND l.sku IN (SELECT sku FROM chosen) OFFSET 0) l
  UNION
  SELECT w.sku, w.order_id FROM (SELECT value FROM json_array_elements_text(CAST($2 AS json))
    WHERE value = value || '') o CROSS JOIN LATERAL (SELECT * FROM allocation_waiting w
    WHERE w.order_id = o.value AND w.sku IN (SELECT sku FROM chosen) OFFSET 0) w
  UNION
  SELECT c.sku, h.order_id FROM chosen c CROSS JOIN LATERAL (
    SELECT l.order_id FROM allocation_lines l
    WHERE l.sku = c.sku AND l.part = 0 AND l.held_until <= (SELECT CAST($3 AS bigint))
      AND l.held_until = l.held_until + 0
    ORDER BY l.held_until, l.order_id LIMIT (SELECT CAST($4 AS bigint))) h
  UNION
  SELECT page.sku, page.order_id FROM (
    SELECT w.sku, w.order_id FROM allocation_waiting w
    WHERE w.sku = $5 AND w.needed_by < $3 ORDER BY w.needed_by, w.order_id, w.line LIMIT $4) page),
shown (ref) AS (
  SELECT b.ref FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.sku = c.sku
    AND b.open = 1 AND b.blocked = '' AND b.expired = 0 OFFSET 0) b
  UNION
  SELECT l.batch_ref FROM wanted w CROSS JOIN LATERAL (SELECT * FROM allocation_lines l
    WHERE l.order_id = w.order_id AND l.sku = w.sku OFFSET 0) l
  UNION
  SELECT b.ref FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.sku = c.sku
    AND b.due <= (SELECT CAST($3 AS bigint)) OFFSET 0) b)
SELECT 0, p.sku, '', '', '', '', '', '', p.version, p.refused, p.low_stock, p.low, p.serving_priority,
  p.serving_sequence, COALESCE((SELECT 1 FROM allocation_waiting w
  WHERE w.sku = p.sku ORDER BY w.priority DESC, w.sequence LIMIT 1), 0), 0, 0, (
  SELECT l.held_until FROM allocation_lines l
  WHERE l.sku = p.sku AND l.part = 0 AND l.held_until > (SELECT CAST($3 AS bigint))
    ORDER BY l.held_until LIMIT 1), (SELECT MIN(w.needed_by) FROM allocation_waiting w
  WHERE w.sku = p.sku AND w.needed_by >= (SELECT CAST($6 AS bigint)) - 1
    AND (w.needed_by > (SELECT CAST($6 AS bigint)) - 1 OR w.sku > $7)), NULL, NULL, NULL, NULL, NULL, NULL
FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_products p WHERE p.sku = c.sku OFFSET 0) p
UNION ALL
SELECT 1, b.sku, b.ref, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, 0, 0, 0, 0, b.eta, b.best_before, b.announced_eta,
  b.arrived_at, b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM shown s CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.ref = s.ref OFFSET 0) b
UNION ALL
SELECT 2, l.sku, l.order_id, l.line, l.batch_ref, l.location, l.handed_from, '', l.part, l.quantity,
  l.shipped, l.split, l.sequence, l.priority, l.late, l.partial, l.may_wait, l.held_until, l.needed_by,
  l.fresh_until, l.wanted, l.hold_for, NULL, NULL, NULL
FROM wanted w CROSS JOIN LATERAL (SELECT * FROM allocation_lines l WHERE l.order_id = w.order_id
  AND l.sku = w.sku OFFSET 0) l
UNION ALL
SELECT 3, q.sku, q.order_id, q.line, q.location, q.handed_from, '', '', q.quantity, q.wanted, q.split,
  q.partial, q.priority, q.sequence, 0, 0, 0, q.hold_for, q.needed_by, q.fresh_until, NULL, NULL, NULL, NULL,
  NULL
FROM wanted w CROSS JOIN LATERAL (SELECT * FROM allocation_waiting q WHERE q.order_id = w.order_id
  AND q.sku = w.sku OFFSET 0) q
;

-- name: SKUs of an order
-- Finds the products to lock before a load by order, inside Locked.
-- Parameters: order.
SELECT sku FROM allocation_lines WHERE order_id = $1 AND part = 0
UNION SELECT sku FROM allocation_waiting WHERE order_id = $1
;

-- name: SKU of a batch
-- Finds the product to lock before a load by batch, inside Locked.
-- Parameters: batch.
SELECT sku FROM allocation_batches WHERE ref = $1
;

-- name: SKUs of several orders
-- Finds the products to lock before a load by order with further orders, inside Locked: HandOver.
-- Parameters: orders.
SELECT l.sku FROM (SELECT value FROM json_array_elements_text(CAST($1 AS json))
  WHERE value = value || '') o CROSS JOIN LATERAL (SELECT * FROM allocation_lines l
  WHERE l.order_id = o.value AND l.part = 0 OFFSET 0) l
UNION SELECT w.sku FROM (SELECT value FROM json_array_elements_text(CAST($1 AS json))
  WHERE value = value || '') o CROSS JOIN LATERAL (SELECT * FROM allocation_waiting w
  WHERE w.order_id = o.value OFFSET 0) w
;

-- name: SKUs of what is due
-- Finds the products to lock before a load of what is due, inside Locked.
-- Parameters: now, from, behind, limit.
SELECT DISTINCT oldest.sku FROM (
SELECT due.sku FROM (
  SELECT holds.moment, holds.sku FROM (
    SELECT l.held_until AS moment, l.sku FROM allocation_lines l
    WHERE l.part = 0 AND l.held_until <= (SELECT CAST($1 AS bigint))
      AND l.held_until >= (SELECT CAST($2 AS bigint))
        AND (l.held_until > (SELECT CAST($2 AS bigint)) OR l.sku > $3)
      AND l.held_until = l.held_until + 0
    ORDER BY l.held_until, l.sku LIMIT (SELECT CAST($4 AS bigint))) holds
  UNION ALL
  SELECT lots.moment, lots.sku FROM (
    SELECT b.due AS moment, b.sku FROM allocation_batches b
    WHERE b.due <= (SELECT CAST($1 AS bigint))
      AND b.due >= (SELECT CAST($2 AS bigint)) AND (b.due > (SELECT CAST($2 AS bigint)) OR b.sku > $3)
      AND b.due = b.due + 0
    ORDER BY b.due, b.sku LIMIT (SELECT CAST($4 AS bigint))) lots
  UNION ALL
  SELECT needed.moment, needed.sku FROM (
    SELECT w.needed_by + 1 AS moment, w.sku FROM allocation_waiting w
    WHERE w.needed_by < (SELECT CAST($1 AS bigint)) AND w.needed_by >= (SELECT CAST($2 AS bigint)) - 1
      AND (w.needed_by > (SELECT CAST($2 AS bigint)) - 1 OR w.sku > $3)
    ORDER BY w.needed_by, w.sku LIMIT (SELECT CAST($4 AS bigint))) needed
  UNION ALL
  SELECT serving.moment, serving.sku FROM (
    SELECT -62135596800000000 AS moment, marked.sku
    FROM allocation_products marked
    WHERE marked.serving_sequence > 0 AND -62135596800000000 >= (SELECT CAST($2 AS bigint))
      AND (-62135596800000000 > (SELECT CAST($2 AS bigint)) OR marked.sku > $3)
    ORDER BY marked.sku LIMIT (SELECT CAST($4 AS bigint))) serving) due
ORDER BY due.moment, due.sku LIMIT (SELECT CAST($4 AS bigint))) oldest
;

-- name: lock products
-- Locks products in the order of their SKUs before a load inside Locked.
-- Parameters: skus.
SELECT p.sku FROM allocation_products p
  WHERE p.sku = ANY (ARRAY(SELECT json_array_elements_text(CAST($1 AS json))))
ORDER BY p.sku FOR NO KEY UPDATE
;

-- name: check versions
-- A commit of a unit of work that read products and changed none.
-- Parameters: skus.
SELECT p.sku, p.version FROM (SELECT value FROM json_array_elements_text(CAST($1 AS json))
  WHERE value = value || '') k CROSS JOIN LATERAL (SELECT * FROM allocation_products p
  WHERE p.sku = k.value OFFSET 0) p
;

-- name: audit
-- Reads the counters of a product's batches and the sums of its lines and events: Reconcile, Mend.
-- Parameters: sku.
SELECT 0, '', version, COALESCE((SELECT MAX(sequence) FROM allocation_events WHERE sku = $1), 0)
FROM allocation_products WHERE sku = $1
UNION ALL
SELECT 1, b.ref, b.purchased, b.allocated
FROM allocation_batches b  WHERE b.sku = $1
UNION ALL
SELECT 2, l.batch_ref, 0, CAST(SUM(l.quantity - l.shipped) AS BIGINT)
FROM (SELECT b.sku, b.ref FROM allocation_batches b  WHERE b.sku = $1) b CROSS JOIN LATERAL (SELECT *
  FROM allocation_lines l WHERE l.sku = b.sku AND l.batch_ref = b.ref
  AND l.open = 1 OFFSET 0) l GROUP BY l.batch_ref
UNION ALL
SELECT 3, batch_ref, CAST(SUM(purchased) AS BIGINT), CAST(SUM(allocated) AS BIGINT)
FROM allocation_events WHERE sku = $1 AND batch_ref IS NOT NULL GROUP BY batch_ref
UNION ALL
SELECT 3, batch_ref, purchased, allocated FROM allocation_purged WHERE sku = $1
;

-- name: audit of many products
-- Reads the same of a page of products: ReconcileAll.
-- Parameters: after, page.
WITH chosen (sku) AS (SELECT p.sku FROM allocation_products p WHERE p.sku > $1 ORDER BY p.sku LIMIT $2)
SELECT 0, p.sku, '', p.version, COALESCE((SELECT MAX(sequence) FROM allocation_events e
  WHERE e.sku = p.sku), 0)
FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_products p WHERE p.sku = c.sku OFFSET 0) p
UNION ALL
SELECT 1, b.sku, b.ref, b.purchased, b.allocated
FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.sku = c.sku OFFSET 0) b
UNION ALL
SELECT 2, l.sku, l.batch_ref, 0, CAST(SUM(l.quantity - l.shipped) AS BIGINT)
FROM (SELECT b.sku, b.ref FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_batches b
  WHERE b.sku = c.sku OFFSET 0) b) b CROSS JOIN LATERAL (SELECT * FROM allocation_lines l
  WHERE l.sku = b.sku AND l.batch_ref = b.ref AND l.open = 1 OFFSET 0) l GROUP BY l.sku, l.batch_ref
UNION ALL
SELECT 3, e.sku, e.batch_ref,
  CAST(SUM(e.purchased) AS BIGINT), CAST(SUM(e.allocated) AS BIGINT)
FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_events e WHERE e.sku = c.sku
  AND e.batch_ref IS NOT NULL OFFSET 0) e
GROUP BY e.sku, e.batch_ref
UNION ALL
SELECT 3, g.sku, g.batch_ref, g.purchased, g.allocated
FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_purged g WHERE g.sku = c.sku OFFSET 0) g
;

-- name: events
-- Reads a page of a product's events: Events.
-- Parameters: sku, after, limit.
SELECT sequence, kind, data FROM allocation_events
WHERE sku = $1 AND sequence > $2 ORDER BY sequence LIMIT $3
;

-- name: commit of one line
-- A commit that gives one part of one batch to one new line with terms or a hold: most holds.
-- Parameters: product_version, product_refused, product_low_stock, product_low, product_sku, product_seen,
-- batch_purchased, batch_allocated, batch_ref, line_order_id, line_line, line_batch_ref, line_quantity,
-- line_shipped, line_split, line_held_until, line_held, line_sequence, line_needed_by, line_fresh_until,
-- line_location, line_priority, line_late, line_handed_from, line_wanted, line_partial, line_may_wait,
-- line_hold_for, event_kind, event_at, event_batch_ref, event_purchased, event_allocated, event_data,
-- event_id, event_trace_parent.
WITH p AS (
  UPDATE allocation_products SET version = $1, refused = $2, low_stock = $3, low = $4
  WHERE sku = $5 AND version = $6 RETURNING sku),
b AS (
  UPDATE allocation_batches b SET purchased = b.purchased + $7, allocated = b.allocated + $8
  FROM p WHERE b.ref = $9 AND b.sku = p.sku RETURNING b.ref),
l AS (
  INSERT INTO allocation_lines (order_id, sku, line, part, batch_ref, quantity, shipped, split, held_until,
    held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial, may_wait,
    hold_for)
  SELECT CAST($10 AS text), p.sku, CAST($11 AS text), 0, CAST($12 AS text), CAST($13 AS bigint),
    CAST($14 AS bigint), CAST($15 AS smallint), CAST($16 AS bigint), CAST($17 AS smallint),
    CAST($18 AS bigint), CAST($19 AS bigint), CAST($20 AS bigint), CAST($21 AS text), CAST($22 AS smallint),
    CAST($23 AS smallint), CAST($24 AS text), CAST($25 AS bigint), CAST($26 AS smallint),
    CAST($27 AS smallint), CAST($28 AS bigint) FROM p),
e AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT p.sku, $1, CAST($29 AS text), CAST($30 AS bigint), CAST($31 AS text), CAST($32 AS bigint),
    CAST($33 AS bigint), CAST($34 AS text), CAST($35 AS uuid), CAST($36 AS text), $1, 6 FROM p)
SELECT 1, 1 / CASE WHEN b.ref IS NULL THEN 0 ELSE 1 END FROM p LEFT JOIN b ON true
;

-- name: commit of one plain line
-- A commit that gives one part of one batch to one new firm line without terms: most sales.
-- Parameters: product_version, product_refused, product_low_stock, product_low, product_sku, product_seen,
-- batch_purchased, batch_allocated, batch_ref, line_order_id, line_batch_ref, line_quantity, line_sequence,
-- event_kind, event_at, event_batch_ref, event_purchased, event_allocated, event_data, event_id,
-- event_trace_parent.
WITH p AS (
  UPDATE allocation_products SET version = $1, refused = $2, low_stock = $3, low = $4
  WHERE sku = $5 AND version = $6 RETURNING sku),
b AS (
  UPDATE allocation_batches b SET purchased = b.purchased + $7, allocated = b.allocated + $8
  FROM p WHERE b.ref = $9 AND b.sku = p.sku RETURNING b.ref),
l AS (
  INSERT INTO allocation_lines (order_id, sku, part, batch_ref, quantity, shipped, split, sequence)
  SELECT CAST($10 AS text), p.sku, 0, CAST($11 AS text), CAST($12 AS bigint), 0, 0, CAST($13 AS bigint)
    FROM p),
e AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT p.sku, $1, CAST($14 AS text), CAST($15 AS bigint), CAST($16 AS text), CAST($17 AS bigint),
    CAST($18 AS bigint), CAST($19 AS text), CAST($20 AS uuid), CAST($21 AS text), $1, 6 FROM p)
SELECT 1, 1 / CASE WHEN b.ref IS NULL THEN 0 ELSE 1 END FROM p LEFT JOIN b ON true
;

-- name: commit of one line, in a pipeline
-- The commit of one line with guests in the same round trip. A lost race is an error.
-- Parameters: product_version, product_refused, product_low_stock, product_low, product_sku, product_seen,
-- batch_purchased, batch_allocated, batch_ref, line_order_id, line_line, line_batch_ref, line_quantity,
-- line_shipped, line_split, line_held_until, line_held, line_sequence, line_needed_by, line_fresh_until,
-- line_location, line_priority, line_late, line_handed_from, line_wanted, line_partial, line_may_wait,
-- line_hold_for, event_kind, event_at, event_batch_ref, event_purchased, event_allocated, event_data,
-- event_id, event_trace_parent.
WITH p AS (
  UPDATE allocation_products SET version = $1, refused = $2, low_stock = $3, low = $4
  WHERE sku = $5 AND version = $6 RETURNING sku),
b AS (
  UPDATE allocation_batches b SET purchased = b.purchased + $7, allocated = b.allocated + $8
  FROM p WHERE b.ref = $9 AND b.sku = p.sku RETURNING b.ref),
l AS (
  INSERT INTO allocation_lines (order_id, sku, line, part, batch_ref, quantity, shipped, split, held_until,
    held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial, may_wait,
    hold_for)
  SELECT CAST($10 AS text), p.sku, CAST($11 AS text), 0, CAST($12 AS text), CAST($13 AS bigint),
    CAST($14 AS bigint), CAST($15 AS smallint), CAST($16 AS bigint), CAST($17 AS smallint),
    CAST($18 AS bigint), CAST($19 AS bigint), CAST($20 AS bigint), CAST($21 AS text), CAST($22 AS smallint),
    CAST($23 AS smallint), CAST($24 AS text), CAST($25 AS bigint), CAST($26 AS smallint),
    CAST($27 AS smallint), CAST($28 AS bigint) FROM p),
e AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT p.sku, $1, CAST($29 AS text), CAST($30 AS bigint), CAST($31 AS text), CAST($32 AS bigint),
    CAST($33 AS bigint), CAST($34 AS text), CAST($35 AS uuid), CAST($36 AS text), $1, 6 FROM p)
SELECT COUNT(p.sku), 1 / CASE WHEN COUNT(p.sku) = COUNT(b.ref) THEN 1 ELSE 0 END,
  ln(CAST((SELECT COUNT(*) FROM p) AS double precision)) FROM p LEFT JOIN b ON true
;

-- name: commit of one plain line, in a pipeline
-- The commit of one plain line with guests in the same round trip. A lost race is an error.
-- Parameters: product_version, product_refused, product_low_stock, product_low, product_sku, product_seen,
-- batch_purchased, batch_allocated, batch_ref, line_order_id, line_batch_ref, line_quantity, line_sequence,
-- event_kind, event_at, event_batch_ref, event_purchased, event_allocated, event_data, event_id,
-- event_trace_parent.
WITH p AS (
  UPDATE allocation_products SET version = $1, refused = $2, low_stock = $3, low = $4
  WHERE sku = $5 AND version = $6 RETURNING sku),
b AS (
  UPDATE allocation_batches b SET purchased = b.purchased + $7, allocated = b.allocated + $8
  FROM p WHERE b.ref = $9 AND b.sku = p.sku RETURNING b.ref),
l AS (
  INSERT INTO allocation_lines (order_id, sku, part, batch_ref, quantity, shipped, split, sequence)
  SELECT CAST($10 AS text), p.sku, 0, CAST($11 AS text), CAST($12 AS bigint), 0, 0, CAST($13 AS bigint)
    FROM p),
e AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT p.sku, $1, CAST($14 AS text), CAST($15 AS bigint), CAST($16 AS text), CAST($17 AS bigint),
    CAST($18 AS bigint), CAST($19 AS text), CAST($20 AS uuid), CAST($21 AS text), $1, 6 FROM p)
SELECT COUNT(p.sku), 1 / CASE WHEN COUNT(p.sku) = COUNT(b.ref) THEN 1 ELSE 0 END,
  ln(CAST((SELECT COUNT(*) FROM p) AS double precision)) FROM p LEFT JOIN b ON true
;

-- name: outbox: lease products
-- Leases products for a relay: Claim.
-- Parameters: owner, claim, until, now, after, products.
INSERT INTO allocation_deliveries (sku, owner, claim, not_before, sequence, tries, retry_at, dead, error)
SELECT w.sku, CAST($1 AS text), CAST($2 AS bigint), CAST($3 AS bigint), (SELECT h.unsent_from
  FROM allocation_events h  WHERE (CASE WHEN h.unsent_from IS NOT NULL THEN h.sku END) = w.sku
  AND h.unsent_from IS NOT NULL ORDER BY h.sequence LIMIT 1), 0, 0, 0, '' FROM (
  WITH RECURSIVE busy (sku) AS (
  SELECT d.sku FROM allocation_deliveries d
  WHERE d.not_before > $4 OR d.dead = 1 AND d.sequence >= (SELECT h.unsent_from
    FROM allocation_events h  WHERE (CASE WHEN h.unsent_from IS NOT NULL THEN h.sku END) = d.sku
    AND h.unsent_from IS NOT NULL ORDER BY h.sequence LIMIT 1)),
  walk (sku, found) AS (
    SELECT (SELECT MIN((CASE WHEN e.unsent_from IS NOT NULL THEN e.sku END)) FROM allocation_events e 
      WHERE (CASE WHEN e.unsent_from IS NOT NULL THEN e.sku END) > $5 AND e.unsent_from IS NOT NULL), 0
    UNION ALL
    SELECT (SELECT MIN((CASE WHEN e.unsent_from IS NOT NULL THEN e.sku END)) FROM allocation_events e 
      WHERE (CASE WHEN e.unsent_from IS NOT NULL THEN e.sku END) > w.sku
      AND e.unsent_from IS NOT NULL), w.found + CASE WHEN w.sku IN (SELECT sku
      FROM busy) THEN 0 ELSE 1 END FROM walk w
    WHERE w.sku IS NOT NULL AND w.found + CASE WHEN w.sku IN (SELECT sku FROM busy) THEN 0 ELSE 1 END < $6)
  SELECT w.sku FROM walk w WHERE w.sku NOT IN (SELECT sku FROM busy)) w
WHERE w.sku IS NOT NULL
ON CONFLICT (sku) DO UPDATE SET
  owner = excluded.owner, claim = excluded.claim, not_before = excluded.not_before,
  sequence = CASE WHEN allocation_deliveries.sequence < excluded.sequence
    THEN excluded.sequence ELSE allocation_deliveries.sequence END,
  tries = CASE WHEN allocation_deliveries.sequence < excluded.sequence THEN 0 ELSE
    allocation_deliveries.tries END,
  dead = 0
WHERE allocation_deliveries.not_before <= $4
  AND (allocation_deliveries.dead = 0 OR allocation_deliveries.sequence < excluded.sequence)
RETURNING sku, sequence, tries, claim
;

-- name: outbox: read unsent events
-- Reads the first unsent events of the leased products: Claim.
-- Parameters: skus, events.
SELECT w.sku, w.last, e.sequence, e.kind, e.data, e.trace_parent FROM (
WITH RECURSIVE leased (sku, sequence, last) AS (
  SELECT k.value, (SELECT h.unsent_from FROM allocation_events h 
    WHERE (CASE WHEN h.unsent_from IS NOT NULL THEN h.sku END) = k.value AND h.unsent_from IS NOT NULL
    ORDER BY h.sequence LIMIT 1),
    (SELECT h.sequence FROM allocation_events h 
      WHERE (CASE WHEN h.unsent_from IS NOT NULL THEN h.sku END) = k.value AND h.unsent_from IS NOT NULL
      ORDER BY h.sequence DESC LIMIT 1)
  FROM (SELECT value FROM json_array_elements_text(CAST($1 AS json)) WHERE value = value || '') k),
wanted (sku, sequence, until, last) AS (
  SELECT l.sku, l.sequence,
    CASE WHEN l.last - l.sequence < $2 THEN l.last ELSE l.sequence + $2 - 1 END, l.last
  FROM leased l WHERE l.sequence IS NOT NULL
  UNION ALL
  SELECT w.sku, w.sequence + 1, w.until, w.last FROM wanted w WHERE w.sequence < w.until)
SELECT * FROM wanted) w CROSS JOIN LATERAL (SELECT * FROM allocation_events e WHERE e.sku = w.sku
  AND e.sequence = w.sequence OFFSET 0) e
;

-- name: outbox: release a product
-- Ends the lease of a product that has no unsent events any more: Claim.
-- Parameters: sku, claim.
DELETE FROM allocation_deliveries WHERE sku = $1 AND claim = $2
;

-- name: outbox: mark events as sent
-- Settle of a delivery without a failure; PostgreSQL ends the lease in the same statement.
-- Parameters: sent, sku, owner.
WITH marks AS (
UPDATE allocation_events AS e
SET unsent_from = CASE WHEN e.sequence <= $1 THEN NULL ELSE $1 + 1 END
WHERE (CASE WHEN e.unsent_from IS NOT NULL THEN e.sku END) = $2 AND e.unsent_from IS NOT NULL
  AND e.unsent_from <= $1 AND e.sequence <= COALESCE((
  SELECT MIN(h.sequence) FROM allocation_events h 
    WHERE (CASE WHEN h.unsent_from IS NOT NULL THEN h.sku END) = $2 AND h.unsent_from IS NOT NULL
    AND h.sequence >= $1), $1))
  DELETE FROM allocation_deliveries
  WHERE sku = $2 AND owner = $3 AND claim IS NOT NULL AND (tries = 0 OR sequence <= $1)
;

-- name: outbox: mark events before a failure as sent
-- Settle of a delivery with a failure; PostgreSQL keeps the failure in the same statement.
-- Parameters: sent, sku, retry_at, sequence, tries, dead, error, owner.
WITH marks AS (
UPDATE allocation_events AS e
SET unsent_from = CASE WHEN e.sequence <= $1 THEN NULL ELSE $1 + 1 END
WHERE (CASE WHEN e.unsent_from IS NOT NULL THEN e.sku END) = $2 AND e.unsent_from IS NOT NULL
  AND e.unsent_from <= $1 AND e.sequence <= COALESCE((
  SELECT MIN(h.sequence) FROM allocation_events h 
    WHERE (CASE WHEN h.unsent_from IS NOT NULL THEN h.sku END) = $2 AND h.unsent_from IS NOT NULL
    AND h.sequence >= $1), $1))
  UPDATE allocation_deliveries SET claim = NULL, not_before = $3, retry_at = $3,
    sequence = $4, tries = $5, dead = $6, error = $7
  WHERE sku = $2 AND owner = $8 AND claim IS NOT NULL
;

-- name: outbox: give a product back
-- Settle of a delivery of which nothing new was sent: the failure stays, the lease ends.
-- Parameters: sku, owner.
UPDATE allocation_deliveries SET claim = NULL, not_before = retry_at
WHERE sku = $1 AND owner = $2 AND claim IS NOT NULL
;

-- name: outbox: backlog
-- Counts the unsent events: Backlog.
SELECT COUNT(*), COALESCE(CAST(SUM(g.events) AS BIGINT), 0),
  MIN((SELECT f.at FROM allocation_events f WHERE f.sku = g.sku AND f.sequence = g.sequence))
FROM (
  SELECT e.sku, MIN(e.unsent_from) AS sequence, SUM(e.sequence - e.unsent_from + 1) AS events
  FROM allocation_events e  WHERE (CASE WHEN e.unsent_from IS NOT NULL THEN e.sku END) > ''
    AND e.unsent_from IS NOT NULL GROUP BY e.sku) g
;

-- name: outbox: failures
-- Lists the products whose first unsent event failed: Failures.
-- Parameters: after, limit.
SELECT d.sku, d.sequence, d.tries, d.retry_at, d.dead, d.error FROM allocation_deliveries d
WHERE d.sku > $1 AND d.tries > 0 AND d.sequence = (SELECT h.unsent_from FROM allocation_events h 
  WHERE (CASE WHEN h.unsent_from IS NOT NULL THEN h.sku END) = d.sku AND h.unsent_from IS NOT NULL
  ORDER BY h.sequence LIMIT 1)
ORDER BY d.sku LIMIT $2
;

-- name: outbox: forget a failure
-- Lets a failed event be tried again: Retry.
-- Parameters: sku.
UPDATE allocation_deliveries SET tries = 0, dead = 0,
  not_before = CASE WHEN claim IS NULL THEN -62135596800000000 ELSE not_before END
WHERE sku = $1 AND tries > 0 AND sequence = (SELECT h.unsent_from FROM allocation_events h 
  WHERE (CASE WHEN h.unsent_from IS NOT NULL THEN h.sku END) = $1 AND h.unsent_from IS NOT NULL
  ORDER BY h.sequence LIMIT 1)
;

-- name: outbox: forget the failure of an event
-- Gives a failed event up: Skip, first statement.
-- Parameters: sku, sequence.
UPDATE allocation_deliveries SET tries = 0, dead = 0,
  not_before = CASE WHEN claim IS NULL THEN -62135596800000000 ELSE not_before END
WHERE sku = $1 AND tries > 0 AND sequence = (SELECT h.unsent_from FROM allocation_events h 
  WHERE (CASE WHEN h.unsent_from IS NOT NULL THEN h.sku END) = $1 AND h.unsent_from IS NOT NULL
  ORDER BY h.sequence LIMIT 1) AND sequence = $2
;

-- name: outbox: mark a skipped event as sent
-- Gives a failed event up: Skip, second statement.
-- Parameters: sent, sku.
UPDATE allocation_events AS e
SET unsent_from = CASE WHEN e.sequence <= $1 THEN NULL ELSE $1 + 1 END
WHERE (CASE WHEN e.unsent_from IS NOT NULL THEN e.sku END) = $2 AND e.unsent_from IS NOT NULL
  AND e.unsent_from <= $1 AND e.sequence <= COALESCE((
  SELECT MIN(h.sequence) FROM allocation_events h 
    WHERE (CASE WHEN h.unsent_from IS NOT NULL THEN h.sku END) = $2 AND h.unsent_from IS NOT NULL
    AND h.sequence >= $1), $1)
;

-- name: outbox: first events
-- Reads a page of products with the time of the first event of each: Purge.
-- Parameters: after, limit.
SELECT p.sku, (SELECT e.at FROM allocation_events e WHERE e.sku = p.sku ORDER BY e.sequence LIMIT 1)
FROM (SELECT sku FROM allocation_products WHERE sku > $1 ORDER BY sku LIMIT $2) p ORDER BY p.sku
;

-- name: outbox: events of a product
-- Finds how far a product's events are sent and old: Purge.
-- Parameters: before, sku, limit.
SELECT MIN(t.sequence), MAX(t.sequence), MIN(CASE WHEN t.at >= $1 THEN t.sequence END),
  (SELECT h.unsent_from FROM allocation_events h 
    WHERE (CASE WHEN h.unsent_from IS NOT NULL THEN h.sku END) = $2 AND h.unsent_from IS NOT NULL
    ORDER BY h.sequence LIMIT 1)
FROM (SELECT e.sequence, e.at FROM allocation_events e WHERE e.sku = $2 ORDER BY e.sequence LIMIT $3) t
;

-- name: outbox: delete events
-- Deletes the old events of a product: Purge.
-- Parameters: sku, end.
DELETE FROM allocation_events WHERE sku = $1 AND sequence < $2 RETURNING batch_ref, purchased, allocated
;

-- name: outbox: add to the sums
-- Adds what deleted events had moved to the sums of their batches: Purge.
-- Parameters: rows.
  INSERT INTO allocation_purged (sku, batch_ref, purchased, allocated)
  SELECT x.sku, x.batch_ref, x.purchased, x.allocated
  FROM json_to_recordset(CAST($1 AS json)) x (sku text, batch_ref text, purchased bigint, allocated bigint)
ON CONFLICT (sku, batch_ref) DO UPDATE
SET purchased = CASE WHEN allocation_purged.batch_ref = '' THEN 0 ELSE allocation_purged.purchased END +
  excluded.purchased,
  allocated = allocation_purged.allocated + excluded.allocated
;

-- name: view: order
-- Reads the lines of an order: Order.
-- Parameters: order.
SELECT l.sku, l.line, l.held_until, l.sequence, l.needed_by, l.fresh_until, l.location, l.priority, l.late,
  l.batch_ref, l.quantity, l.shipped, b.eta, b.location, b.best_before, 0, l.part AS part
FROM (SELECT * FROM allocation_lines WHERE order_id = $1) l CROSS JOIN LATERAL (SELECT *
  FROM allocation_batches b WHERE b.ref = l.batch_ref OFFSET 0) b
UNION ALL
SELECT w.sku, w.line, NULL, w.sequence, w.needed_by, w.fresh_until, w.location, w.priority, 0,
  '', 0, 0, NULL, '', NULL, w.quantity, 1000000000
FROM allocation_waiting w WHERE w.order_id = $1
ORDER BY sku, line, part
;

-- name: view: lines of a batch
-- Reads a page of the lines that wait for units of a batch: BatchLines.
-- Parameters: batch, held, priority, sequence, page.
SELECT order_id, line, quantity, shipped, held_until, priority, sequence FROM (
  SELECT * FROM (
    SELECT l.order_id, l.line, l.quantity, l.shipped, l.held_until, l.priority, l.sequence, l.held
      FROM allocation_lines l
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = $1) AND l.batch_ref = $1 AND l.open = 1
      AND l.held = $2 AND l.priority = CAST($3 AS BIGINT) AND l.sequence < $4
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT $5) arm1
  UNION ALL
  SELECT * FROM (
    SELECT l.order_id, l.line, l.quantity, l.shipped, l.held_until, l.priority, l.sequence, l.held
      FROM allocation_lines l
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = $1) AND l.batch_ref = $1 AND l.open = 1
      AND l.held = $2 AND l.priority > CAST($3 AS BIGINT)
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT $5) arm2
  UNION ALL
  SELECT * FROM (
    SELECT l.order_id, l.line, l.quantity, l.shipped, l.held_until, l.priority, l.sequence, l.held
      FROM allocation_lines l
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = $1) AND l.batch_ref = $1 AND l.open = 1
      AND l.held < $2
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT $5) arm3) page
ORDER BY held DESC, priority, sequence DESC LIMIT $5
;

-- name: view: batches
-- Reads a page of the batches of a product: Batches.
-- Parameters: sku, now, after, page.
WITH chosen (sku) AS (SELECT sku FROM allocation_products WHERE sku = $1),
found (ref, split, units) AS (
  SELECT h.batch_ref, h.split, h.units FROM chosen c CROSS JOIN LATERAL (
    SELECT h.batch_ref, h.split, SUM(h.quantity - h.shipped) AS units FROM allocation_lines h
    WHERE h.sku = c.sku AND h.part = 0 AND h.held_until <= (SELECT CAST($2 AS bigint)) GROUP BY h.batch_ref,
      h.split) h),
unbound (ref, units) AS (
  SELECT u.ref, CAST(SUM(u.units) AS BIGINT) FROM (
    SELECT f.ref, f.units FROM found f WHERE f.split = 0
    UNION ALL
    SELECT l.batch_ref, l.quantity - l.shipped
    FROM (SELECT 1 FROM found f WHERE f.split = 1 LIMIT 1) any_split CROSS JOIN chosen c
    CROSS JOIN LATERAL (SELECT * FROM allocation_lines h WHERE h.sku = c.sku AND h.part = 0
      AND h.held_until <= (SELECT CAST($2 AS bigint)) AND h.split = 1 OFFSET 0) h
    CROSS JOIN LATERAL (
      SELECT * FROM allocation_lines l
      WHERE l.order_id = h.order_id AND l.sku = h.sku AND l.line = h.line OFFSET 0) l) u
  GROUP BY u.ref)
SELECT 0, page.ref, page.location, page.lot, page.blocked, page.announced_blocked, page.split_from,
  page.purchased, page.allocated, page.announced_quantity, page.expired, page.dated, page.eta,
  page.best_before, page.announced_eta, page.arrived_at, page.due, page.counted_at, page.counted_quantity,
  page.shipped_at
FROM (
  SELECT * FROM allocation_batches b
  WHERE b.sku = $1 AND b.ref > $3 ORDER BY b.ref LIMIT $4) page
UNION ALL
SELECT u.units, u.ref, '', '', '', '', '', 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM unbound u
;

-- name: view: queues
-- Reads how many lines and units wait for products: Queues.
-- Parameters: skus.
WITH chosen (sku) AS (SELECT value FROM (SELECT value FROM json_array_elements_text(CAST($1 AS json))
  WHERE value = value || '') k)
SELECT p.sku, COUNT(w.sku), CAST(COALESCE(SUM(w.quantity), 0) AS BIGINT)
FROM (SELECT p.sku FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_products p
  WHERE p.sku = c.sku OFFSET 0) p) p
LEFT JOIN allocation_waiting w ON w.sku = p.sku
GROUP BY p.sku
;

-- name: view: places of an order
-- Reads how many lines come before those of an order: Places.
-- Parameters: order.
SELECT w.sku, w.line, w.quantity,
  (SELECT COUNT(*) FROM allocation_waiting o  WHERE o.sku = w.sku AND o.priority > w.priority)
  + (SELECT COUNT(*) FROM allocation_waiting o  WHERE o.sku = w.sku AND o.priority = w.priority
    AND o.sequence < w.sequence)
FROM allocation_waiting w WHERE w.order_id = $1
ORDER BY w.sku, w.line
;

-- name: view: stock
-- Reads what can be promised of products: Stock. On MariaDB: of one product.
-- Parameters: skus, now, order.
WITH chosen (sku) AS (SELECT value FROM (SELECT value FROM json_array_elements_text(CAST($1 AS json))
  WHERE value = value || '') k),
found (ref, split, units) AS (
  SELECT h.batch_ref, h.split, h.units FROM chosen c CROSS JOIN LATERAL (
    SELECT h.batch_ref, h.split, SUM(h.quantity - h.shipped) AS units FROM allocation_lines h
    WHERE h.sku = c.sku AND h.part = 0 AND h.held_until <= (SELECT CAST($2 AS bigint)) GROUP BY h.batch_ref,
      h.split) h),
unbound (ref, units) AS (
  SELECT u.ref, CAST(SUM(u.units) AS BIGINT) FROM (
    SELECT f.ref, f.units FROM found f WHERE f.split = 0
    UNION ALL
    SELECT l.batch_ref, l.quantity - l.shipped
    FROM (SELECT 1 FROM found f WHERE f.split = 1 LIMIT 1) any_split CROSS JOIN chosen c
    CROSS JOIN LATERAL (SELECT * FROM allocation_lines h WHERE h.sku = c.sku AND h.part = 0
      AND h.held_until <= (SELECT CAST($2 AS bigint)) AND h.split = 1 OFFSET 0) h
    CROSS JOIN LATERAL (
      SELECT * FROM allocation_lines l
      WHERE l.order_id = h.order_id AND l.sku = h.sku AND l.line = h.line OFFSET 0) l) u
  GROUP BY u.ref),
freed (ref, units) AS (
  SELECT f.ref, CAST(SUM(f.units) AS BIGINT) FROM (
    SELECT u.ref, u.units FROM unbound u
    UNION ALL
    SELECT l.batch_ref, l.quantity - l.shipped
    FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_lines l WHERE $3 <> '' AND l.order_id = $3
      AND l.sku = c.sku AND l.shipped < l.quantity
      AND (l.held_until IS NULL OR l.held_until > $2) OFFSET 0) l) f
  GROUP BY f.ref)
SELECT p.sku, p.version, NULL, 0 FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_products p
  WHERE p.sku = c.sku OFFSET 0) p
UNION ALL
SELECT b.sku, 0, b.eta, b.purchased - b.allocated
FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.sku = c.sku AND b.open = 1
  AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > $2 AND (b.eta IS NULL OR b.best_before > b.eta)) OFFSET 0) b
UNION ALL
SELECT b.sku, 0, b.eta, u.units + CASE WHEN b.open = 1 THEN 0 ELSE b.purchased - b.allocated END
FROM freed u CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.ref = u.ref
  AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > $2 AND (b.eta IS NULL OR b.best_before > b.eta)) OFFSET 0) b
;

-- name: view: open batches
-- Reads the batches with units that can be promised: OpenBatches. On MariaDB: of one product.
-- Parameters: skus, now.
WITH chosen (sku) AS (SELECT value FROM (SELECT value FROM json_array_elements_text(CAST($1 AS json))
  WHERE value = value || '') k),
found (ref, split, units) AS (
  SELECT h.batch_ref, h.split, h.units FROM chosen c CROSS JOIN LATERAL (
    SELECT h.batch_ref, h.split, SUM(h.quantity - h.shipped) AS units FROM allocation_lines h
    WHERE h.sku = c.sku AND h.part = 0 AND h.held_until <= (SELECT CAST($2 AS bigint)) GROUP BY h.batch_ref,
      h.split) h),
unbound (ref, units) AS (
  SELECT u.ref, CAST(SUM(u.units) AS BIGINT) FROM (
    SELECT f.ref, f.units FROM found f WHERE f.split = 0
    UNION ALL
    SELECT l.batch_ref, l.quantity - l.shipped
    FROM (SELECT 1 FROM found f WHERE f.split = 1 LIMIT 1) any_split CROSS JOIN chosen c
    CROSS JOIN LATERAL (SELECT * FROM allocation_lines h WHERE h.sku = c.sku AND h.part = 0
      AND h.held_until <= (SELECT CAST($2 AS bigint)) AND h.split = 1 OFFSET 0) h
    CROSS JOIN LATERAL (
      SELECT * FROM allocation_lines l
      WHERE l.order_id = h.order_id AND l.sku = h.sku AND l.line = h.line OFFSET 0) l) u
  GROUP BY u.ref)
SELECT 0, b.ref, b.sku, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, b.eta, b.best_before, b.announced_eta, b.arrived_at,
  b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.sku = c.sku AND b.open = 1
  AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > $2 AND (b.eta IS NULL OR b.best_before > b.eta)) OFFSET 0) b
UNION ALL
SELECT u.units, b.ref, b.sku, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, b.eta, b.best_before, b.announced_eta, b.arrived_at,
  b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM unbound u CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.ref = u.ref
  AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > $2 AND (b.eta IS NULL OR b.best_before > b.eta)) OFFSET 0) b
;

-- name: view: batches of a lot
-- Reads a page of the batches of a lot: LotBatches.
-- Parameters: lot, after, page, now.
WITH page AS (SELECT * FROM (
  SELECT * FROM (
    SELECT b.ref, b.sku, b.purchased, b.allocated, b.eta, b.location, b.best_before, b.announced_quantity,
      b.announced_eta, b.lot, b.blocked, b.announced_blocked, b.split_from, b.arrived_at, b.expired, b.due,
      b.dated, b.counted_at, b.counted_quantity, b.shipped_at FROM allocation_batches b
    WHERE b.ref = $1 AND b.lot = '' AND b.ref > $2
    ORDER BY b.ref LIMIT $3) named
  UNION ALL
  SELECT * FROM (
    SELECT b.ref, b.sku, b.purchased, b.allocated, b.eta, b.location, b.best_before, b.announced_quantity,
      b.announced_eta, b.lot, b.blocked, b.announced_blocked, b.split_from, b.arrived_at, b.expired, b.due,
      b.dated, b.counted_at, b.counted_quantity, b.shipped_at FROM allocation_batches b
    WHERE b.lot = $1 AND b.lot <> '' AND b.ref > $2
    ORDER BY b.ref LIMIT $3) others) b
  ORDER BY b.ref LIMIT $3),
chosen (sku) AS (SELECT DISTINCT sku FROM page),
found (ref, split, units) AS (
  SELECT h.batch_ref, h.split, h.units FROM chosen c CROSS JOIN LATERAL (
    SELECT h.batch_ref, h.split, SUM(h.quantity - h.shipped) AS units FROM allocation_lines h
    WHERE h.sku = c.sku AND h.part = 0 AND h.held_until <= (SELECT CAST($4 AS bigint)) GROUP BY h.batch_ref,
      h.split) h),
unbound (ref, units) AS (
  SELECT u.ref, CAST(SUM(u.units) AS BIGINT) FROM (
    SELECT f.ref, f.units FROM found f WHERE f.split = 0
    UNION ALL
    SELECT l.batch_ref, l.quantity - l.shipped
    FROM (SELECT 1 FROM found f WHERE f.split = 1 LIMIT 1) any_split CROSS JOIN chosen c
    CROSS JOIN LATERAL (SELECT * FROM allocation_lines h WHERE h.sku = c.sku AND h.part = 0
      AND h.held_until <= (SELECT CAST($4 AS bigint)) AND h.split = 1 OFFSET 0) h
    CROSS JOIN LATERAL (
      SELECT * FROM allocation_lines l
      WHERE l.order_id = h.order_id AND l.sku = h.sku AND l.line = h.line OFFSET 0) l) u
  GROUP BY u.ref)
SELECT 0, page.ref, page.sku, page.location, page.lot, page.blocked, page.announced_blocked, page.split_from,
  page.purchased, page.allocated, page.announced_quantity, page.expired, page.dated, page.eta,
  page.best_before, page.announced_eta, page.arrived_at, page.due, page.counted_at, page.counted_quantity,
  page.shipped_at FROM page
UNION ALL
SELECT u.units, u.ref, '', '', '', '', '', '', 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
  NULL FROM unbound u
;

-- name: view: batches of a lot with lines
-- Finds the next batches of a lot that have lines, shipped lines included: LotLines.
-- Parameters: lot, after, page.
SELECT * FROM (
SELECT * FROM (
  SELECT b.ref, b.sku FROM allocation_batches b
  WHERE b.ref = $1 AND b.lot = '' AND b.ref > $2
    AND ((SELECT 1 FROM allocation_lines l  WHERE l.sku = b.sku AND l.batch_ref = b.ref
      AND l.open = 1 LIMIT 1) IS NOT NULL
      OR (SELECT 1 FROM allocation_lines l  WHERE l.batch_ref = b.ref AND l.open = 0 LIMIT 1) IS NOT NULL)
  ORDER BY b.ref LIMIT $3) named
UNION ALL
SELECT * FROM (
  SELECT b.ref, b.sku FROM allocation_batches b
  WHERE b.lot = $1 AND b.lot <> '' AND b.ref > $2
    AND ((SELECT 1 FROM allocation_lines l  WHERE l.sku = b.sku AND l.batch_ref = b.ref
      AND l.open = 1 LIMIT 1) IS NOT NULL
      OR (SELECT 1 FROM allocation_lines l  WHERE l.batch_ref = b.ref AND l.open = 0 LIMIT 1) IS NOT NULL)
  ORDER BY b.ref LIMIT $3) others) b
ORDER BY b.ref LIMIT $3
;

-- name: view: lines of a batch of a lot
-- Reads the first lines of a batch of a lot: LotLines.
-- Parameters: sku0, batch0, page.
SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence FROM (
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l
    WHERE l.sku = $1 AND l.batch_ref = $2 AND l.open = 1
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT $3) arm
  UNION ALL
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l
    WHERE l.sku = $1 AND l.batch_ref = $2 AND l.open = 0
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT $3) arm) page
ORDER BY batch_ref, held DESC, priority, sequence DESC LIMIT $3
;

-- name: view: lines of two batches of a lot
-- Reads the first lines of two batches of a lot: LotLines. Up to 16 batches repeat the part for each.
-- Parameters: sku0, batch0, page, sku1, batch1.
SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence FROM (
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l
    WHERE l.sku = $1 AND l.batch_ref = $2 AND l.open = 1
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT $3) arm
  UNION ALL
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l
    WHERE l.sku = $1 AND l.batch_ref = $2 AND l.open = 0
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT $3) arm
  UNION ALL
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l
    WHERE l.sku = $4 AND l.batch_ref = $5 AND l.open = 1
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT $3) arm
  UNION ALL
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l
    WHERE l.sku = $4 AND l.batch_ref = $5 AND l.open = 0
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT $3) arm) page
ORDER BY batch_ref, held DESC, priority, sequence DESC LIMIT $3
;

-- name: view: further lines of a batch of a lot
-- Reads the lines of a batch of a lot behind the page before: LotLines.
-- Parameters: batch, lot, held, priority, sequence, page.
SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence FROM (
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = $1 AND (lot = $2 OR lot = ''
      AND ref = $2)) AND l.batch_ref = $1 AND l.open = 1 AND l.held = $3
      AND l.priority = CAST($4 AS BIGINT) AND l.sequence < $5
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT $6) arm
  UNION ALL
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = $1 AND (lot = $2 OR lot = ''
      AND ref = $2)) AND l.batch_ref = $1 AND l.open = 0 AND l.held = $3
      AND l.priority = CAST($4 AS BIGINT) AND l.sequence < $5
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT $6) arm
  UNION ALL
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = $1 AND (lot = $2 OR lot = ''
      AND ref = $2)) AND l.batch_ref = $1 AND l.open = 1 AND l.held = $3 AND l.priority > CAST($4 AS BIGINT)
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT $6) arm
  UNION ALL
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = $1 AND (lot = $2 OR lot = ''
      AND ref = $2)) AND l.batch_ref = $1 AND l.open = 0 AND l.held = $3 AND l.priority > CAST($4 AS BIGINT)
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT $6) arm
  UNION ALL
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = $1 AND (lot = $2 OR lot = ''
      AND ref = $2)) AND l.batch_ref = $1 AND l.open = 1 AND l.held < $3
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT $6) arm
  UNION ALL
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = $1 AND (lot = $2 OR lot = ''
      AND ref = $2)) AND l.batch_ref = $1 AND l.open = 0 AND l.held < $3
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT $6) arm) page
ORDER BY batch_ref, held DESC, priority, sequence DESC LIMIT $6
;

-- name: view: due
-- Reads a page of each kind of what is due: Due.
-- Parameters: by, a_at, a_sku, a_batch, page, b_at, b_sku, b_batch, first, c_at, c_sku, c_order, c_line,
-- d_at, d_sku, d_batch, d_order, d_line, e_at, e_sku, e_order, e_line.
SELECT * FROM (
  SELECT 0 AS kind, b.eta AS moment, b.sku AS sku, b.ref AS ref, '' AS order_id, '' AS line,
    b.purchased AS units, b.allocated AS promised, 0 AS told
  FROM allocation_batches b
  WHERE b.eta <= (SELECT CAST($1 AS bigint)) AND b.eta >= (SELECT CAST($2 AS bigint))
    AND (b.eta > (SELECT CAST($2 AS bigint)) OR b.eta = (SELECT CAST($2 AS bigint))
    AND b.sku > $3 OR b.eta = (SELECT CAST($2 AS bigint)) AND b.sku = $3 AND b.ref > $4)
    AND b.purchased > 0 AND b.eta = b.eta + 0
  ORDER BY b.eta, b.sku, b.ref LIMIT $5) arm0
UNION ALL
SELECT * FROM (
  SELECT 1 AS kind, b.due AS moment, b.sku AS sku, b.ref AS ref, '' AS order_id, '' AS line,
    b.purchased AS units, b.allocated AS promised, 0 AS told
  FROM allocation_batches b
  WHERE b.due <= (SELECT CAST($1 AS bigint)) AND b.due >= (SELECT CAST($6 AS bigint))
    AND (b.due > (SELECT CAST($6 AS bigint)) OR b.due = (SELECT CAST($6 AS bigint))
    AND b.sku > $7 OR b.due = (SELECT CAST($6 AS bigint)) AND b.sku = $7 AND b.ref > $8)
    AND b.best_before = b.due AND (b.dated = 0 OR b.eta IS NULL) AND b.due = b.due + 0
  ORDER BY b.due, b.sku, b.ref LIMIT $5) arm1
UNION ALL
SELECT * FROM (
  SELECT 1 AS kind, b.best_before AS moment, b.sku AS sku, b.ref AS ref, '' AS order_id, '' AS line,
    b.purchased AS units, b.allocated AS promised, 0 AS told
  FROM allocation_batches b
  WHERE b.best_before <= (SELECT CAST($1 AS bigint)) AND b.best_before >= (SELECT CAST($6 AS bigint))
    AND (b.best_before > (SELECT CAST($6 AS bigint)) OR b.best_before = (SELECT CAST($6 AS bigint))
    AND b.sku > $7 OR b.best_before = (SELECT CAST($6 AS bigint)) AND b.sku = $7 AND b.ref > $8)
    AND b.eta >= (SELECT CAST($9 AS bigint)) AND b.dated = 1 AND b.expired = 0 AND b.purchased > 0
    AND b.eta = b.eta + 0
  ORDER BY b.best_before, b.sku, b.ref LIMIT $5) arm2
UNION ALL
SELECT * FROM (
  SELECT 1 AS kind, b.best_before AS moment, b.sku AS sku, b.ref AS ref, '' AS order_id, '' AS line,
    b.purchased AS units, b.allocated AS promised, 1 AS told
  FROM allocation_batches b
  WHERE b.best_before <= (SELECT CAST($1 AS bigint)) AND b.best_before >= (SELECT CAST($6 AS bigint))
    AND (b.best_before > (SELECT CAST($6 AS bigint)) OR b.best_before = (SELECT CAST($6 AS bigint))
    AND b.sku > $7 OR b.best_before = (SELECT CAST($6 AS bigint)) AND b.sku = $7 AND b.ref > $8)
    AND b.expired = 1 AND b.allocated > 0 AND b.best_before = b.best_before + 0
  ORDER BY b.best_before, b.sku, b.ref LIMIT $5) arm3
UNION ALL
SELECT * FROM (
  SELECT 2 AS kind, h.held_until AS moment, h.sku AS sku, '' AS ref, h.order_id AS order_id, h.line AS line,
    CASE WHEN h.split = 0 THEN h.quantity - h.shipped ELSE (
      SELECT CAST(SUM(l.quantity - l.shipped) AS BIGINT) FROM allocation_lines l
      WHERE l.order_id = h.order_id AND l.sku = h.sku AND l.line = h.line) END AS units,
    0 AS promised, 0 AS told
  FROM allocation_lines h
  WHERE h.part = 0 AND h.held_until <= (SELECT CAST($1 AS bigint))
    AND h.held_until >= (SELECT CAST($10 AS bigint))
    AND (h.held_until > (SELECT CAST($10 AS bigint)) OR h.held_until = (SELECT CAST($10 AS bigint))
    AND h.sku > $11 OR h.held_until = (SELECT CAST($10 AS bigint)) AND h.sku = $11
    AND h.order_id > $12 OR h.held_until = (SELECT CAST($10 AS bigint)) AND h.sku = $11
    AND h.order_id = $12 AND h.line > $13) AND h.held_until = h.held_until + 0
  ORDER BY h.held_until, h.sku, h.order_id, h.line LIMIT $5) arm4
UNION ALL
SELECT * FROM (
  SELECT 3 AS kind, l.needed_by + 1 AS moment, l.sku AS sku, l.batch_ref AS ref, l.order_id AS order_id,
    l.line AS line, l.quantity - l.shipped AS units, 0 AS promised, l.late AS told
  FROM (SELECT b.sku, b.ref FROM allocation_batches b
    WHERE b.eta >= (SELECT CAST($9 AS bigint)) AND b.dated = 1 AND b.eta = b.eta + 0) b
      CROSS JOIN LATERAL (SELECT * FROM allocation_lines l WHERE l.sku = b.sku AND l.batch_ref = b.ref
      AND l.open = 1 AND (l.held_until IS NULL OR l.held_until > l.needed_by + 1)
      AND l.needed_by + 1 <= (SELECT CAST($1 AS bigint))
      AND l.needed_by + 1 >= (SELECT CAST($14 AS bigint))
      AND (l.needed_by + 1 > (SELECT CAST($14 AS bigint)) OR l.needed_by + 1 = (SELECT CAST($14 AS bigint))
      AND l.sku > $15 OR l.needed_by + 1 = (SELECT CAST($14 AS bigint)) AND l.sku = $15
      AND l.batch_ref > $16 OR l.needed_by + 1 = (SELECT CAST($14 AS bigint)) AND l.sku = $15
      AND l.batch_ref = $16 AND l.order_id > $17 OR l.needed_by + 1 = (SELECT CAST($14 AS bigint))
      AND l.sku = $15 AND l.batch_ref = $16 AND l.order_id = $17 AND l.line > $18) OFFSET 0) l
  ORDER BY l.needed_by, l.sku, l.batch_ref, l.order_id, l.line LIMIT $5) arm5
UNION ALL
SELECT * FROM (
  SELECT 4 AS kind, w.needed_by + 1 AS moment, w.sku AS sku, '' AS ref, w.order_id AS order_id,
    w.line AS line, w.quantity AS units, 0 AS promised, 0 AS told
  FROM allocation_waiting w
  WHERE w.needed_by >= (SELECT CAST($19 AS bigint)) - 1 AND w.needed_by < (SELECT CAST($1 AS bigint))
    AND w.needed_by + 1 <= (SELECT CAST($1 AS bigint))
      AND w.needed_by + 1 >= (SELECT CAST($19 AS bigint))
      AND (w.needed_by + 1 > (SELECT CAST($19 AS bigint)) OR w.needed_by + 1 = (SELECT CAST($19 AS bigint))
      AND w.sku > $20 OR w.needed_by + 1 = (SELECT CAST($19 AS bigint)) AND w.sku = $20
      AND w.order_id > $21 OR w.needed_by + 1 = (SELECT CAST($19 AS bigint)) AND w.sku = $20
      AND w.order_id = $21 AND w.line > $22) AND w.needed_by = w.needed_by + 0
  ORDER BY w.needed_by, w.sku, w.order_id, w.line LIMIT $5) arm6
;

-- name: view: products
-- Reads a page of products with their free units: Products.
-- Parameters: from, until, page, now.
WITH chosen (sku) AS (
  SELECT p.sku FROM allocation_products p
  WHERE p.sku >= $1 AND p.sku < $2
  ORDER BY p.sku LIMIT $3),
found (ref, split, units) AS (
  SELECT h.batch_ref, h.split, h.units FROM chosen c CROSS JOIN LATERAL (
    SELECT h.batch_ref, h.split, SUM(h.quantity - h.shipped) AS units FROM allocation_lines h
    WHERE h.sku = c.sku AND h.part = 0 AND h.held_until <= (SELECT CAST($4 AS bigint)) GROUP BY h.batch_ref,
      h.split) h),
unbound (ref, units) AS (
  SELECT u.ref, CAST(SUM(u.units) AS BIGINT) FROM (
    SELECT f.ref, f.units FROM found f WHERE f.split = 0
    UNION ALL
    SELECT l.batch_ref, l.quantity - l.shipped
    FROM (SELECT 1 FROM found f WHERE f.split = 1 LIMIT 1) any_split CROSS JOIN chosen c
    CROSS JOIN LATERAL (SELECT * FROM allocation_lines h WHERE h.sku = c.sku AND h.part = 0
      AND h.held_until <= (SELECT CAST($4 AS bigint)) AND h.split = 1 OFFSET 0) h
    CROSS JOIN LATERAL (
      SELECT * FROM allocation_lines l
      WHERE l.order_id = h.order_id AND l.sku = h.sku AND l.line = h.line OFFSET 0) l) u
  GROUP BY u.ref)
SELECT p.sku, p.version, NULL, 0, p.low_stock, p.low,
  CASE WHEN (SELECT w.sequence FROM allocation_waiting w
    WHERE w.sku = p.sku ORDER BY w.priority DESC, w.sequence LIMIT 1) IS NULL THEN 0 ELSE 1 END
FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_products p WHERE p.sku = c.sku OFFSET 0) p
UNION ALL
SELECT b.sku, 0, b.eta, b.purchased - b.allocated, 0, 0, 0
FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.sku = c.sku AND b.open = 1
  AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > $4 AND (b.eta IS NULL OR b.best_before > b.eta)) OFFSET 0) b
UNION ALL
SELECT b.sku, 0, b.eta, u.units + CASE WHEN b.open = 1 THEN 0 ELSE b.purchased - b.allocated END, 0, 0, 0
FROM unbound u CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.ref = u.ref
  AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > $4 AND (b.eta IS NULL OR b.best_before > b.eta)) OFFSET 0) b
;

-- name: view: products with low stock
-- Reads a page of products with low stock: Products.
-- Parameters: from, until, page, now.
WITH chosen (sku) AS (
  SELECT p.sku FROM allocation_products p
  WHERE p.sku >= $1 AND p.sku < $2 AND p.low = 1
  ORDER BY p.sku LIMIT $3),
found (ref, split, units) AS (
  SELECT h.batch_ref, h.split, h.units FROM chosen c CROSS JOIN LATERAL (
    SELECT h.batch_ref, h.split, SUM(h.quantity - h.shipped) AS units FROM allocation_lines h
    WHERE h.sku = c.sku AND h.part = 0 AND h.held_until <= (SELECT CAST($4 AS bigint)) GROUP BY h.batch_ref,
      h.split) h),
unbound (ref, units) AS (
  SELECT u.ref, CAST(SUM(u.units) AS BIGINT) FROM (
    SELECT f.ref, f.units FROM found f WHERE f.split = 0
    UNION ALL
    SELECT l.batch_ref, l.quantity - l.shipped
    FROM (SELECT 1 FROM found f WHERE f.split = 1 LIMIT 1) any_split CROSS JOIN chosen c
    CROSS JOIN LATERAL (SELECT * FROM allocation_lines h WHERE h.sku = c.sku AND h.part = 0
      AND h.held_until <= (SELECT CAST($4 AS bigint)) AND h.split = 1 OFFSET 0) h
    CROSS JOIN LATERAL (
      SELECT * FROM allocation_lines l
      WHERE l.order_id = h.order_id AND l.sku = h.sku AND l.line = h.line OFFSET 0) l) u
  GROUP BY u.ref)
SELECT p.sku, p.version, NULL, 0, p.low_stock, p.low,
  CASE WHEN (SELECT w.sequence FROM allocation_waiting w
    WHERE w.sku = p.sku ORDER BY w.priority DESC, w.sequence LIMIT 1) IS NULL THEN 0 ELSE 1 END
FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_products p WHERE p.sku = c.sku OFFSET 0) p
UNION ALL
SELECT b.sku, 0, b.eta, b.purchased - b.allocated, 0, 0, 0
FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.sku = c.sku AND b.open = 1
  AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > $4 AND (b.eta IS NULL OR b.best_before > b.eta)) OFFSET 0) b
UNION ALL
SELECT b.sku, 0, b.eta, u.units + CASE WHEN b.open = 1 THEN 0 ELSE b.purchased - b.allocated END, 0, 0, 0
FROM unbound u CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.ref = u.ref
  AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > $4 AND (b.eta IS NULL OR b.best_before > b.eta)) OFFSET 0) b
;

-- name: view: products that lines wait for
-- Reads a page of products that lines wait for: Products.
-- Parameters: from, until, page, now.
WITH chosen (sku) AS (
  SELECT DISTINCT w.sku FROM allocation_waiting w
  WHERE w.sku >= $1 AND w.sku < $2
  ORDER BY w.sku LIMIT $3),
found (ref, split, units) AS (
  SELECT h.batch_ref, h.split, h.units FROM chosen c CROSS JOIN LATERAL (
    SELECT h.batch_ref, h.split, SUM(h.quantity - h.shipped) AS units FROM allocation_lines h
    WHERE h.sku = c.sku AND h.part = 0 AND h.held_until <= (SELECT CAST($4 AS bigint)) GROUP BY h.batch_ref,
      h.split) h),
unbound (ref, units) AS (
  SELECT u.ref, CAST(SUM(u.units) AS BIGINT) FROM (
    SELECT f.ref, f.units FROM found f WHERE f.split = 0
    UNION ALL
    SELECT l.batch_ref, l.quantity - l.shipped
    FROM (SELECT 1 FROM found f WHERE f.split = 1 LIMIT 1) any_split CROSS JOIN chosen c
    CROSS JOIN LATERAL (SELECT * FROM allocation_lines h WHERE h.sku = c.sku AND h.part = 0
      AND h.held_until <= (SELECT CAST($4 AS bigint)) AND h.split = 1 OFFSET 0) h
    CROSS JOIN LATERAL (
      SELECT * FROM allocation_lines l
      WHERE l.order_id = h.order_id AND l.sku = h.sku AND l.line = h.line OFFSET 0) l) u
  GROUP BY u.ref)
SELECT p.sku, p.version, NULL, 0, p.low_stock, p.low,
  CASE WHEN (SELECT w.sequence FROM allocation_waiting w
    WHERE w.sku = p.sku ORDER BY w.priority DESC, w.sequence LIMIT 1) IS NULL THEN 0 ELSE 1 END
FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_products p WHERE p.sku = c.sku OFFSET 0) p
UNION ALL
SELECT b.sku, 0, b.eta, b.purchased - b.allocated, 0, 0, 0
FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.sku = c.sku AND b.open = 1
  AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > $4 AND (b.eta IS NULL OR b.best_before > b.eta)) OFFSET 0) b
UNION ALL
SELECT b.sku, 0, b.eta, u.units + CASE WHEN b.open = 1 THEN 0 ELSE b.purchased - b.allocated END, 0, 0, 0
FROM unbound u CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.ref = u.ref
  AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > $4 AND (b.eta IS NULL OR b.best_before > b.eta)) OFFSET 0) b
;

-- name: view: products with low stock that lines wait for
-- Reads a page of products with low stock that lines wait for: Products.
-- Parameters: from, until, page, now.
WITH chosen (sku) AS (
  SELECT p.sku FROM allocation_products p
  WHERE p.sku >= $1 AND p.sku < $2 AND p.low = 1 AND (SELECT w.sequence FROM allocation_waiting w
    WHERE w.sku = p.sku ORDER BY w.priority DESC, w.sequence LIMIT 1) IS NOT NULL
  ORDER BY p.sku LIMIT $3),
found (ref, split, units) AS (
  SELECT h.batch_ref, h.split, h.units FROM chosen c CROSS JOIN LATERAL (
    SELECT h.batch_ref, h.split, SUM(h.quantity - h.shipped) AS units FROM allocation_lines h
    WHERE h.sku = c.sku AND h.part = 0 AND h.held_until <= (SELECT CAST($4 AS bigint)) GROUP BY h.batch_ref,
      h.split) h),
unbound (ref, units) AS (
  SELECT u.ref, CAST(SUM(u.units) AS BIGINT) FROM (
    SELECT f.ref, f.units FROM found f WHERE f.split = 0
    UNION ALL
    SELECT l.batch_ref, l.quantity - l.shipped
    FROM (SELECT 1 FROM found f WHERE f.split = 1 LIMIT 1) any_split CROSS JOIN chosen c
    CROSS JOIN LATERAL (SELECT * FROM allocation_lines h WHERE h.sku = c.sku AND h.part = 0
      AND h.held_until <= (SELECT CAST($4 AS bigint)) AND h.split = 1 OFFSET 0) h
    CROSS JOIN LATERAL (
      SELECT * FROM allocation_lines l
      WHERE l.order_id = h.order_id AND l.sku = h.sku AND l.line = h.line OFFSET 0) l) u
  GROUP BY u.ref)
SELECT p.sku, p.version, NULL, 0, p.low_stock, p.low,
  CASE WHEN (SELECT w.sequence FROM allocation_waiting w
    WHERE w.sku = p.sku ORDER BY w.priority DESC, w.sequence LIMIT 1) IS NULL THEN 0 ELSE 1 END
FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_products p WHERE p.sku = c.sku OFFSET 0) p
UNION ALL
SELECT b.sku, 0, b.eta, b.purchased - b.allocated, 0, 0, 0
FROM chosen c CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.sku = c.sku AND b.open = 1
  AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > $4 AND (b.eta IS NULL OR b.best_before > b.eta)) OFFSET 0) b
UNION ALL
SELECT b.sku, 0, b.eta, u.units + CASE WHEN b.open = 1 THEN 0 ELSE b.purchased - b.allocated END, 0, 0, 0
FROM unbound u CROSS JOIN LATERAL (SELECT * FROM allocation_batches b WHERE b.ref = u.ref
  AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > $4 AND (b.eta IS NULL OR b.best_before > b.eta)) OFFSET 0) b
;

-- name: view: orders
-- Reads a page of order ids: Orders.
-- Parameters: from, until, page.
SELECT order_id FROM (
  SELECT * FROM (
    SELECT DISTINCT o.order_id FROM allocation_lines o
    WHERE o.order_id >= $1 AND o.order_id < $2
    ORDER BY o.order_id LIMIT $3) given
  UNION
  SELECT * FROM (
    SELECT DISTINCT o.order_id FROM allocation_waiting o
    WHERE o.order_id >= $1 AND o.order_id < $2
    ORDER BY o.order_id LIMIT $3) queued) o
ORDER BY order_id LIMIT $3
;

-- name: view: products with recent events
-- Finds the next products with events since a time, and the last event before: Entries.
-- Parameters: since, from, until, place, number, page.
SELECT p.sku, COALESCE((SELECT e.sequence FROM allocation_events e
    WHERE e.sku = p.sku AND e.at < (SELECT CAST($1 AS bigint)) ORDER BY e.sequence DESC LIMIT 1), 0)
FROM allocation_products p
WHERE p.sku >= $2 AND p.sku < $3 AND (SELECT e.sequence FROM allocation_events e WHERE e.sku = p.sku
  ORDER BY e.sequence DESC LIMIT 1) > COALESCE((SELECT e.sequence FROM allocation_events e
    WHERE e.sku = p.sku AND e.at < (SELECT CAST($1 AS bigint)) ORDER BY e.sequence DESC LIMIT 1), 0)
  AND (p.sku <> $4 OR (SELECT e.sequence FROM allocation_events e WHERE e.sku = p.sku
    ORDER BY e.sequence DESC LIMIT 1) > (SELECT CAST($5 AS bigint)))
ORDER BY p.sku LIMIT $6
;

-- name: view: events of a product
-- Reads the first events of a product behind a number: Entries.
-- Parameters: sku0, after0, page.
SELECT sku, sequence, kind, data FROM (
  SELECT * FROM (
    SELECT e.sku, e.sequence, e.kind, e.data FROM allocation_events e
    WHERE e.sku = $1 AND e.sequence > $2
    ORDER BY e.sequence LIMIT $3) arm) page
ORDER BY sku, sequence LIMIT $3
;

-- name: view: events of two products
-- Reads the first events of two products: Entries. Up to 16 products repeat the part for each.
-- Parameters: sku0, after0, page, sku1, after1.
SELECT sku, sequence, kind, data FROM (
  SELECT * FROM (
    SELECT e.sku, e.sequence, e.kind, e.data FROM allocation_events e
    WHERE e.sku = $1 AND e.sequence > $2
    ORDER BY e.sequence LIMIT $3) arm
  UNION ALL
  SELECT * FROM (
    SELECT e.sku, e.sequence, e.kind, e.data FROM allocation_events e
    WHERE e.sku = $4 AND e.sequence > $5
    ORDER BY e.sequence LIMIT $3) arm) page
ORDER BY sku, sequence LIMIT $3
;

-- name: commit: new product with a batch
-- AddBatch for a new SKU.
-- Parameters: p_sku, p_seen, p_version, p_refused, p_low_stock, p_low, n_ref, n_sku, n_purchased,
-- n_allocated, n_eta, n_location, n_best_before, n_announced_quantity, n_announced_eta, n_lot, n_blocked,
-- n_announced_blocked, n_split_from, n_arrived_at, n_expired, n_due, n_dated, n_counted_at,
-- n_counted_quantity, n_shipped_at, e_sku, e_sequence, e_kind, e_at, e_batch_ref, e_purchased, e_allocated,
-- e_data, e_id, e_trace_parent, e_unsent_from.
WITH p AS MATERIALIZED (
  SELECT * FROM unnest((SELECT CAST($1 AS text[])), (SELECT CAST($2 AS bigint[])),
    (SELECT CAST($3 AS bigint[])), (SELECT CAST($4 AS bigint[])), (SELECT CAST($5 AS bigint[])),
    (SELECT CAST($6 AS smallint[]))) x (sku, seen, version, refused, low_stock, low) WHERE x.seen = x.seen + 0),
named AS MATERIALIZED (
  SELECT o.sku, o.version FROM allocation_products o
  WHERE o.sku = ANY (ARRAY(SELECT x.sku FROM unnest((SELECT CAST($1 AS text[]))) x (sku)))
  ORDER BY o.sku FOR NO KEY UPDATE),
locked AS MATERIALIZED (
  SELECT o.sku FROM p JOIN named o ON o.sku = p.sku AND o.version = p.seen),
new_ok AS (
  SELECT 1 WHERE (SELECT COUNT(*) FROM locked) = (SELECT COUNT(*) FROM p WHERE p.seen > 0)
    AND NOT EXISTS (SELECT 1 FROM p JOIN allocation_products o ON o.sku = p.sku WHERE p.seen = 0)),
added AS (
  INSERT INTO allocation_products (sku, version, refused, low_stock, low)
  SELECT p.sku, p.version, p.refused, p.low_stock, p.low FROM p
  WHERE p.seen = 0 AND p.version > 0 AND EXISTS (SELECT 1 FROM new_ok) ORDER BY p.sku RETURNING 1),
versions_match AS (SELECT 1 FROM new_ok WHERE (SELECT COUNT(*) FROM added) >= 0),
moved AS (
  UPDATE allocation_products o SET version = p.version, refused = p.refused, low_stock = p.low_stock,
    low = p.low
  FROM p WHERE o.sku = p.sku AND o.version = p.seen AND p.version > p.seen AND EXISTS (SELECT 1
    FROM versions_match)),
new_batches AS (
  INSERT INTO allocation_batches (ref, sku, purchased, allocated, eta, location, best_before,
    announced_quantity, announced_eta, lot, blocked, announced_blocked, split_from, arrived_at, expired, due,
    dated, counted_at, counted_quantity, shipped_at)
  SELECT * FROM unnest((SELECT CAST($7 AS text[])), (SELECT CAST($8 AS text[])),
    (SELECT CAST($9 AS bigint[])), (SELECT CAST($10 AS bigint[])), (SELECT CAST($11 AS bigint[])),
    (SELECT CAST($12 AS text[])), (SELECT CAST($13 AS bigint[])), (SELECT CAST($14 AS bigint[])),
    (SELECT CAST($15 AS bigint[])), (SELECT CAST($16 AS text[])), (SELECT CAST($17 AS text[])),
    (SELECT CAST($18 AS text[])), (SELECT CAST($19 AS text[])), (SELECT CAST($20 AS bigint[])),
    (SELECT CAST($21 AS smallint[])), (SELECT CAST($22 AS bigint[])), (SELECT CAST($23 AS smallint[])),
    (SELECT CAST($24 AS bigint[])), (SELECT CAST($25 AS bigint[])), (SELECT CAST($26 AS bigint[]))) x (ref,
    sku, purchased, allocated, eta, location, best_before, announced_quantity, announced_eta, lot, blocked,
    announced_blocked, split_from, arrived_at, expired, due, dated, counted_at, counted_quantity,
    shipped_at) WHERE EXISTS (SELECT 1 FROM versions_match)),
events AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id,
    x.trace_parent, x.unsent_from, 6 FROM unnest((SELECT CAST($27 AS text[])), (SELECT CAST($28 AS bigint[])),
    (SELECT CAST($29 AS text[])), (SELECT CAST($30 AS bigint[])), (SELECT CAST($31 AS text[])),
    (SELECT CAST($32 AS bigint[])), (SELECT CAST($33 AS bigint[])), (SELECT CAST($34 AS text[])),
    (SELECT CAST($35 AS uuid[])), (SELECT CAST($36 AS text[])), (SELECT CAST($37 AS bigint[]))) x (sku,
    sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
  WHERE EXISTS (SELECT 1 FROM versions_match))
SELECT (SELECT COUNT(*) FROM versions_match), 1
;

-- name: commit: new batch
-- AddBatch.
-- Parameters: product_version, product_refused, product_low_stock, product_low, product_sku, product_seen,
-- n_ref, n_sku, n_purchased, n_allocated, n_eta, n_location, n_best_before, n_announced_quantity,
-- n_announced_eta, n_lot, n_blocked, n_announced_blocked, n_split_from, n_arrived_at, n_expired, n_due,
-- n_dated, n_counted_at, n_counted_quantity, n_shipped_at, e_sku, e_sequence, e_kind, e_at, e_batch_ref,
-- e_purchased, e_allocated, e_data, e_id, e_trace_parent, e_unsent_from.
WITH p AS (
  UPDATE allocation_products SET version = $1, refused = $2, low_stock = $3, low = $4
  WHERE sku = $5 AND version = $6 RETURNING 1),
versions_match AS (SELECT 1 FROM p),
new_batches AS (
  INSERT INTO allocation_batches (ref, sku, purchased, allocated, eta, location, best_before,
    announced_quantity, announced_eta, lot, blocked, announced_blocked, split_from, arrived_at, expired, due,
    dated, counted_at, counted_quantity, shipped_at)
  SELECT * FROM unnest((SELECT CAST($7 AS text[])), (SELECT CAST($8 AS text[])),
    (SELECT CAST($9 AS bigint[])), (SELECT CAST($10 AS bigint[])), (SELECT CAST($11 AS bigint[])),
    (SELECT CAST($12 AS text[])), (SELECT CAST($13 AS bigint[])), (SELECT CAST($14 AS bigint[])),
    (SELECT CAST($15 AS bigint[])), (SELECT CAST($16 AS text[])), (SELECT CAST($17 AS text[])),
    (SELECT CAST($18 AS text[])), (SELECT CAST($19 AS text[])), (SELECT CAST($20 AS bigint[])),
    (SELECT CAST($21 AS smallint[])), (SELECT CAST($22 AS bigint[])), (SELECT CAST($23 AS smallint[])),
    (SELECT CAST($24 AS bigint[])), (SELECT CAST($25 AS bigint[])), (SELECT CAST($26 AS bigint[]))) x (ref,
    sku, purchased, allocated, eta, location, best_before, announced_quantity, announced_eta, lot, blocked,
    announced_blocked, split_from, arrived_at, expired, due, dated, counted_at, counted_quantity,
    shipped_at) WHERE EXISTS (SELECT 1 FROM versions_match)),
events AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id,
    x.trace_parent, x.unsent_from, 6 FROM unnest((SELECT CAST($27 AS text[])), (SELECT CAST($28 AS bigint[])),
    (SELECT CAST($29 AS text[])), (SELECT CAST($30 AS bigint[])), (SELECT CAST($31 AS text[])),
    (SELECT CAST($32 AS bigint[])), (SELECT CAST($33 AS bigint[])), (SELECT CAST($34 AS text[])),
    (SELECT CAST($35 AS uuid[])), (SELECT CAST($36 AS text[])), (SELECT CAST($37 AS bigint[]))) x (sku,
    sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
  WHERE EXISTS (SELECT 1 FROM versions_match))
SELECT (SELECT COUNT(*) FROM versions_match), 1
;

-- name: commit: product
-- SetLowStock, Mend, and Allocate that is refused.
-- Parameters: product_version, product_refused, product_low_stock, product_low, product_sku, product_seen,
-- e_sku, e_sequence, e_kind, e_at, e_batch_ref, e_purchased, e_allocated, e_data, e_id, e_trace_parent,
-- e_unsent_from.
WITH p AS (
  UPDATE allocation_products SET version = $1, refused = $2, low_stock = $3, low = $4
  WHERE sku = $5 AND version = $6 RETURNING 1),
versions_match AS (SELECT 1 FROM p),
events AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id,
    x.trace_parent, x.unsent_from, 6 FROM unnest((SELECT CAST($7 AS text[])), (SELECT CAST($8 AS bigint[])),
    (SELECT CAST($9 AS text[])), (SELECT CAST($10 AS bigint[])), (SELECT CAST($11 AS text[])),
    (SELECT CAST($12 AS bigint[])), (SELECT CAST($13 AS bigint[])), (SELECT CAST($14 AS text[])),
    (SELECT CAST($15 AS uuid[])), (SELECT CAST($16 AS text[])), (SELECT CAST($17 AS bigint[]))) x (sku,
    sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
  WHERE EXISTS (SELECT 1 FROM versions_match))
SELECT (SELECT COUNT(*) FROM versions_match), 1
;

-- name: commit: products
-- Allocate of an order that is refused, and a unit of work that changes one product of several.
-- Parameters: p_sku, p_seen, p_version, p_refused, p_low_stock, p_low, e_sku, e_sequence, e_kind, e_at,
-- e_batch_ref, e_purchased, e_allocated, e_data, e_id, e_trace_parent, e_unsent_from.
WITH p AS MATERIALIZED (
  SELECT * FROM unnest((SELECT CAST($1 AS text[])), (SELECT CAST($2 AS bigint[])),
    (SELECT CAST($3 AS bigint[])), (SELECT CAST($4 AS bigint[])), (SELECT CAST($5 AS bigint[])),
    (SELECT CAST($6 AS smallint[]))) x (sku, seen, version, refused, low_stock, low) WHERE x.seen = x.seen + 0),
named AS MATERIALIZED (
  SELECT o.sku, o.version FROM allocation_products o
  WHERE o.sku = ANY (ARRAY(SELECT x.sku FROM unnest((SELECT CAST($1 AS text[]))) x (sku)))
  ORDER BY o.sku FOR NO KEY UPDATE),
locked AS MATERIALIZED (
  SELECT o.sku FROM p JOIN named o ON o.sku = p.sku AND o.version = p.seen),
versions_match AS (
  SELECT 1 WHERE (SELECT COUNT(*) FROM locked) = (SELECT COUNT(*) FROM p)),
moved AS (
  UPDATE allocation_products o SET version = p.version, refused = p.refused, low_stock = p.low_stock,
    low = p.low
  FROM p WHERE o.sku = p.sku AND o.version = p.seen AND p.version > p.seen AND EXISTS (SELECT 1
    FROM versions_match)),
events AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id,
    x.trace_parent, x.unsent_from, 6 FROM unnest((SELECT CAST($7 AS text[])), (SELECT CAST($8 AS bigint[])),
    (SELECT CAST($9 AS text[])), (SELECT CAST($10 AS bigint[])), (SELECT CAST($11 AS text[])),
    (SELECT CAST($12 AS bigint[])), (SELECT CAST($13 AS bigint[])), (SELECT CAST($14 AS text[])),
    (SELECT CAST($15 AS uuid[])), (SELECT CAST($16 AS text[])), (SELECT CAST($17 AS bigint[]))) x (sku,
    sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
  WHERE EXISTS (SELECT 1 FROM versions_match))
SELECT (SELECT COUNT(*) FROM versions_match), 1
;

-- name: commit: batches of a product
-- ChangeBatchETA, ReceiveBatch and ChangeBatchQuantity.
-- Parameters: product_version, product_refused, product_low_stock, product_low, product_sku, product_seen,
-- b_ref, b_sku, b_purchased, b_allocated, b_eta, b_arrived_at, b_blocked, b_expired, b_due, b_dated,
-- b_counted_at, b_counted_quantity, b_shipped_at, e_sku, e_sequence, e_kind, e_at, e_batch_ref, e_purchased,
-- e_allocated, e_data, e_id, e_trace_parent, e_unsent_from, changed.
WITH p AS (
  UPDATE allocation_products SET version = $1, refused = $2, low_stock = $3, low = $4
  WHERE sku = $5 AND version = $6 RETURNING 1),
versions_match AS (SELECT 1 FROM p),
changed AS (
  UPDATE allocation_batches b SET purchased = b.purchased + x.purchased,
    allocated = b.allocated + x.allocated, eta = x.eta, arrived_at = x.arrived_at, blocked = x.blocked,
    expired = x.expired, due = x.due, dated = x.dated, counted_at = x.counted_at,
    counted_quantity = x.counted_quantity, shipped_at = x.shipped_at
  FROM unnest((SELECT CAST($7 AS text[])), (SELECT CAST($8 AS text[])), (SELECT CAST($9 AS bigint[])),
    (SELECT CAST($10 AS bigint[])), (SELECT CAST($11 AS bigint[])), (SELECT CAST($12 AS bigint[])),
    (SELECT CAST($13 AS text[])), (SELECT CAST($14 AS smallint[])), (SELECT CAST($15 AS bigint[])),
    (SELECT CAST($16 AS smallint[])), (SELECT CAST($17 AS bigint[])), (SELECT CAST($18 AS bigint[])),
    (SELECT CAST($19 AS bigint[]))) x (ref, sku, purchased, allocated, eta, arrived_at, blocked, expired, due,
    dated, counted_at, counted_quantity, shipped_at)
  WHERE b.ref = x.ref AND b.sku = x.sku AND x.allocated = x.allocated + 0
    AND EXISTS (SELECT 1 FROM versions_match) RETURNING 1),
events AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id,
    x.trace_parent, x.unsent_from, 6 FROM unnest((SELECT CAST($20 AS text[])), (SELECT CAST($21 AS bigint[])),
    (SELECT CAST($22 AS text[])), (SELECT CAST($23 AS bigint[])), (SELECT CAST($24 AS text[])),
    (SELECT CAST($25 AS bigint[])), (SELECT CAST($26 AS bigint[])), (SELECT CAST($27 AS text[])),
    (SELECT CAST($28 AS uuid[])), (SELECT CAST($29 AS text[])), (SELECT CAST($30 AS bigint[]))) x (sku,
    sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
  WHERE EXISTS (SELECT 1 FROM versions_match))
SELECT (SELECT COUNT(*) FROM versions_match),
  1 / CASE WHEN NOT EXISTS (SELECT 1 FROM versions_match) OR (SELECT COUNT(*)
    FROM changed) = CAST($31 AS bigint)
    THEN 1 ELSE 0 END
;

-- name: commit: plain lines of a product
-- Allocate of several firm orders without terms.
-- Parameters: product_version, product_refused, product_low_stock, product_low, product_sku, product_seen,
-- b_ref, b_sku, b_purchased, b_allocated, l_order_id, l_sku, l_batch_ref, l_quantity, l_sequence, e_sku,
-- e_sequence, e_kind, e_at, e_batch_ref, e_purchased, e_allocated, e_data, e_id, e_trace_parent,
-- e_unsent_from, changed.
WITH p AS (
  UPDATE allocation_products SET version = $1, refused = $2, low_stock = $3, low = $4
  WHERE sku = $5 AND version = $6 RETURNING 1),
versions_match AS (SELECT 1 FROM p),
changed AS (
  UPDATE allocation_batches b SET purchased = b.purchased + x.purchased, allocated = b.allocated + x.allocated
  FROM unnest((SELECT CAST($7 AS text[])), (SELECT CAST($8 AS text[])), (SELECT CAST($9 AS bigint[])),
    (SELECT CAST($10 AS bigint[]))) x (ref, sku, purchased, allocated)
  WHERE b.ref = x.ref AND b.sku = x.sku AND x.allocated = x.allocated + 0
    AND EXISTS (SELECT 1 FROM versions_match) RETURNING 1),
new_lines AS (
  INSERT INTO allocation_lines (order_id, sku, part, batch_ref, quantity, shipped, split, sequence)
  SELECT x.order_id, x.sku, 0, x.batch_ref, x.quantity, 0, 0, x.sequence
    FROM unnest((SELECT CAST($11 AS text[])), (SELECT CAST($12 AS text[])), (SELECT CAST($13 AS text[])),
    (SELECT CAST($14 AS bigint[])), (SELECT CAST($15 AS bigint[]))) x (order_id, sku, batch_ref, quantity,
    sequence)
  WHERE EXISTS (SELECT 1 FROM versions_match)),
events AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id,
    x.trace_parent, x.unsent_from, 6 FROM unnest((SELECT CAST($16 AS text[])), (SELECT CAST($17 AS bigint[])),
    (SELECT CAST($18 AS text[])), (SELECT CAST($19 AS bigint[])), (SELECT CAST($20 AS text[])),
    (SELECT CAST($21 AS bigint[])), (SELECT CAST($22 AS bigint[])), (SELECT CAST($23 AS text[])),
    (SELECT CAST($24 AS uuid[])), (SELECT CAST($25 AS text[])), (SELECT CAST($26 AS bigint[]))) x (sku,
    sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
  WHERE EXISTS (SELECT 1 FROM versions_match))
SELECT (SELECT COUNT(*) FROM versions_match),
  1 / CASE WHEN NOT EXISTS (SELECT 1 FROM versions_match) OR (SELECT COUNT(*)
    FROM changed) = CAST($27 AS bigint)
    THEN 1 ELSE 0 END
;

-- name: commit: plain lines of a product, in a pipeline
-- The same with guests in the same round trip. A lost race is an error.
-- Parameters: product_version, product_refused, product_low_stock, product_low, product_sku, product_seen,
-- b_ref, b_sku, b_purchased, b_allocated, l_order_id, l_sku, l_batch_ref, l_quantity, l_sequence, e_sku,
-- e_sequence, e_kind, e_at, e_batch_ref, e_purchased, e_allocated, e_data, e_id, e_trace_parent,
-- e_unsent_from, changed.
WITH p AS (
  UPDATE allocation_products SET version = $1, refused = $2, low_stock = $3, low = $4
  WHERE sku = $5 AND version = $6 RETURNING 1),
versions_match AS (SELECT 1 FROM p),
changed AS (
  UPDATE allocation_batches b SET purchased = b.purchased + x.purchased, allocated = b.allocated + x.allocated
  FROM unnest((SELECT CAST($7 AS text[])), (SELECT CAST($8 AS text[])), (SELECT CAST($9 AS bigint[])),
    (SELECT CAST($10 AS bigint[]))) x (ref, sku, purchased, allocated)
  WHERE b.ref = x.ref AND b.sku = x.sku AND x.allocated = x.allocated + 0
    AND EXISTS (SELECT 1 FROM versions_match) RETURNING 1),
new_lines AS (
  INSERT INTO allocation_lines (order_id, sku, part, batch_ref, quantity, shipped, split, sequence)
  SELECT x.order_id, x.sku, 0, x.batch_ref, x.quantity, 0, 0, x.sequence
    FROM unnest((SELECT CAST($11 AS text[])), (SELECT CAST($12 AS text[])), (SELECT CAST($13 AS text[])),
    (SELECT CAST($14 AS bigint[])), (SELECT CAST($15 AS bigint[]))) x (order_id, sku, batch_ref, quantity,
    sequence)
  WHERE EXISTS (SELECT 1 FROM versions_match)),
events AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id,
    x.trace_parent, x.unsent_from, 6 FROM unnest((SELECT CAST($16 AS text[])), (SELECT CAST($17 AS bigint[])),
    (SELECT CAST($18 AS text[])), (SELECT CAST($19 AS bigint[])), (SELECT CAST($20 AS text[])),
    (SELECT CAST($21 AS bigint[])), (SELECT CAST($22 AS bigint[])), (SELECT CAST($23 AS text[])),
    (SELECT CAST($24 AS uuid[])), (SELECT CAST($25 AS text[])), (SELECT CAST($26 AS bigint[]))) x (sku,
    sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
  WHERE EXISTS (SELECT 1 FROM versions_match))
SELECT (SELECT COUNT(*) FROM versions_match),
  1 / CASE WHEN NOT EXISTS (SELECT 1 FROM versions_match) OR (SELECT COUNT(*)
    FROM changed) = CAST($27 AS bigint)
    THEN 1 ELSE 0 END,
  ln(CAST((SELECT COUNT(*) FROM versions_match) AS double precision))
;

-- name: commit: lines of a product
-- Allocate of several orders with terms or holds, or of a split line.
-- Parameters: product_version, product_refused, product_low_stock, product_low, product_sku, product_seen,
-- b_ref, b_sku, b_purchased, b_allocated, l_order_id, l_sku, l_line, l_part, l_batch_ref, l_quantity,
-- l_shipped, l_split, l_held_until, l_held, l_sequence, l_needed_by, l_fresh_until, l_location, l_priority,
-- l_late, l_handed_from, l_wanted, l_partial, l_may_wait, l_hold_for, e_sku, e_sequence, e_kind, e_at,
-- e_batch_ref, e_purchased, e_allocated, e_data, e_id, e_trace_parent, e_unsent_from, changed.
WITH p AS (
  UPDATE allocation_products SET version = $1, refused = $2, low_stock = $3, low = $4
  WHERE sku = $5 AND version = $6 RETURNING 1),
versions_match AS (SELECT 1 FROM p),
changed AS (
  UPDATE allocation_batches b SET purchased = b.purchased + x.purchased, allocated = b.allocated + x.allocated
  FROM unnest((SELECT CAST($7 AS text[])), (SELECT CAST($8 AS text[])), (SELECT CAST($9 AS bigint[])),
    (SELECT CAST($10 AS bigint[]))) x (ref, sku, purchased, allocated)
  WHERE b.ref = x.ref AND b.sku = x.sku AND x.allocated = x.allocated + 0
    AND EXISTS (SELECT 1 FROM versions_match) RETURNING 1),
new_lines AS (
  INSERT INTO allocation_lines (order_id, sku, line, part, batch_ref, quantity, shipped, split, held_until,
    held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial, may_wait,
    hold_for)
  SELECT * FROM unnest((SELECT CAST($11 AS text[])), (SELECT CAST($12 AS text[])),
    (SELECT CAST($13 AS text[])), (SELECT CAST($14 AS int[])), (SELECT CAST($15 AS text[])),
    (SELECT CAST($16 AS bigint[])), (SELECT CAST($17 AS bigint[])), (SELECT CAST($18 AS smallint[])),
    (SELECT CAST($19 AS bigint[])), (SELECT CAST($20 AS smallint[])), (SELECT CAST($21 AS bigint[])),
    (SELECT CAST($22 AS bigint[])), (SELECT CAST($23 AS bigint[])), (SELECT CAST($24 AS text[])),
    (SELECT CAST($25 AS smallint[])), (SELECT CAST($26 AS smallint[])), (SELECT CAST($27 AS text[])),
    (SELECT CAST($28 AS bigint[])), (SELECT CAST($29 AS smallint[])), (SELECT CAST($30 AS smallint[])),
    (SELECT CAST($31 AS bigint[]))) x (order_id, sku, line, part, batch_ref, quantity, shipped, split,
    held_until, held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial,
    may_wait, hold_for) WHERE EXISTS (SELECT 1 FROM versions_match)),
events AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id,
    x.trace_parent, x.unsent_from, 6 FROM unnest((SELECT CAST($32 AS text[])), (SELECT CAST($33 AS bigint[])),
    (SELECT CAST($34 AS text[])), (SELECT CAST($35 AS bigint[])), (SELECT CAST($36 AS text[])),
    (SELECT CAST($37 AS bigint[])), (SELECT CAST($38 AS bigint[])), (SELECT CAST($39 AS text[])),
    (SELECT CAST($40 AS uuid[])), (SELECT CAST($41 AS text[])), (SELECT CAST($42 AS bigint[]))) x (sku,
    sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
  WHERE EXISTS (SELECT 1 FROM versions_match))
SELECT (SELECT COUNT(*) FROM versions_match),
  1 / CASE WHEN NOT EXISTS (SELECT 1 FROM versions_match) OR (SELECT COUNT(*)
    FROM changed) = CAST($43 AS bigint)
    THEN 1 ELSE 0 END
;

-- name: commit: plain lines of several products
-- Allocate of a firm order without terms, and AllocateEach.
-- Parameters: p_sku, p_seen, p_version, p_refused, p_low_stock, p_low, b_ref, b_sku, b_purchased,
-- b_allocated, l_order_id, l_sku, l_batch_ref, l_quantity, l_sequence, e_sku, e_sequence, e_kind, e_at,
-- e_batch_ref, e_purchased, e_allocated, e_data, e_id, e_trace_parent, e_unsent_from, changed.
WITH p AS MATERIALIZED (
  SELECT * FROM unnest((SELECT CAST($1 AS text[])), (SELECT CAST($2 AS bigint[])),
    (SELECT CAST($3 AS bigint[])), (SELECT CAST($4 AS bigint[])), (SELECT CAST($5 AS bigint[])),
    (SELECT CAST($6 AS smallint[]))) x (sku, seen, version, refused, low_stock, low) WHERE x.seen = x.seen + 0),
named AS MATERIALIZED (
  SELECT o.sku, o.version FROM allocation_products o
  WHERE o.sku = ANY (ARRAY(SELECT x.sku FROM unnest((SELECT CAST($1 AS text[]))) x (sku)))
  ORDER BY o.sku FOR NO KEY UPDATE),
locked AS MATERIALIZED (
  SELECT o.sku FROM p JOIN named o ON o.sku = p.sku AND o.version = p.seen),
versions_match AS (
  SELECT 1 WHERE (SELECT COUNT(*) FROM locked) = (SELECT COUNT(*) FROM p)),
moved AS (
  UPDATE allocation_products o SET version = p.version, refused = p.refused, low_stock = p.low_stock,
    low = p.low
  FROM p WHERE o.sku = p.sku AND o.version = p.seen AND p.version > p.seen AND EXISTS (SELECT 1
    FROM versions_match)),
changed AS (
  UPDATE allocation_batches b SET purchased = b.purchased + x.purchased, allocated = b.allocated + x.allocated
  FROM unnest((SELECT CAST($7 AS text[])), (SELECT CAST($8 AS text[])), (SELECT CAST($9 AS bigint[])),
    (SELECT CAST($10 AS bigint[]))) x (ref, sku, purchased, allocated)
  WHERE b.ref = x.ref AND b.sku = x.sku AND x.allocated = x.allocated + 0
    AND EXISTS (SELECT 1 FROM versions_match) RETURNING 1),
new_lines AS (
  INSERT INTO allocation_lines (order_id, sku, part, batch_ref, quantity, shipped, split, sequence)
  SELECT x.order_id, x.sku, 0, x.batch_ref, x.quantity, 0, 0, x.sequence
    FROM unnest((SELECT CAST($11 AS text[])), (SELECT CAST($12 AS text[])), (SELECT CAST($13 AS text[])),
    (SELECT CAST($14 AS bigint[])), (SELECT CAST($15 AS bigint[]))) x (order_id, sku, batch_ref, quantity,
    sequence)
  WHERE EXISTS (SELECT 1 FROM versions_match)),
events AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id,
    x.trace_parent, x.unsent_from, 6 FROM unnest((SELECT CAST($16 AS text[])), (SELECT CAST($17 AS bigint[])),
    (SELECT CAST($18 AS text[])), (SELECT CAST($19 AS bigint[])), (SELECT CAST($20 AS text[])),
    (SELECT CAST($21 AS bigint[])), (SELECT CAST($22 AS bigint[])), (SELECT CAST($23 AS text[])),
    (SELECT CAST($24 AS uuid[])), (SELECT CAST($25 AS text[])), (SELECT CAST($26 AS bigint[]))) x (sku,
    sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
  WHERE EXISTS (SELECT 1 FROM versions_match))
SELECT (SELECT COUNT(*) FROM versions_match),
  1 / CASE WHEN NOT EXISTS (SELECT 1 FROM versions_match) OR (SELECT COUNT(*)
    FROM changed) = CAST($27 AS bigint)
    THEN 1 ELSE 0 END
;

-- name: commit: lines of several products
-- Allocate of an order with terms or a hold, and AllocateEach.
-- Parameters: p_sku, p_seen, p_version, p_refused, p_low_stock, p_low, b_ref, b_sku, b_purchased,
-- b_allocated, l_order_id, l_sku, l_line, l_part, l_batch_ref, l_quantity, l_shipped, l_split, l_held_until,
-- l_held, l_sequence, l_needed_by, l_fresh_until, l_location, l_priority, l_late, l_handed_from, l_wanted,
-- l_partial, l_may_wait, l_hold_for, e_sku, e_sequence, e_kind, e_at, e_batch_ref, e_purchased, e_allocated,
-- e_data, e_id, e_trace_parent, e_unsent_from, changed.
WITH p AS MATERIALIZED (
  SELECT * FROM unnest((SELECT CAST($1 AS text[])), (SELECT CAST($2 AS bigint[])),
    (SELECT CAST($3 AS bigint[])), (SELECT CAST($4 AS bigint[])), (SELECT CAST($5 AS bigint[])),
    (SELECT CAST($6 AS smallint[]))) x (sku, seen, version, refused, low_stock, low) WHERE x.seen = x.seen + 0),
named AS MATERIALIZED (
  SELECT o.sku, o.version FROM allocation_products o
  WHERE o.sku = ANY (ARRAY(SELECT x.sku FROM unnest((SELECT CAST($1 AS text[]))) x (sku)))
  ORDER BY o.sku FOR NO KEY UPDATE),
locked AS MATERIALIZED (
  SELECT o.sku FROM p JOIN named o ON o.sku = p.sku AND o.version = p.seen),
versions_match AS (
  SELECT 1 WHERE (SELECT COUNT(*) FROM locked) = (SELECT COUNT(*) FROM p)),
moved AS (
  UPDATE allocation_products o SET version = p.version, refused = p.refused, low_stock = p.low_stock,
    low = p.low
  FROM p WHERE o.sku = p.sku AND o.version = p.seen AND p.version > p.seen AND EXISTS (SELECT 1
    FROM versions_match)),
changed AS (
  UPDATE allocation_batches b SET purchased = b.purchased + x.purchased, allocated = b.allocated + x.allocated
  FROM unnest((SELECT CAST($7 AS text[])), (SELECT CAST($8 AS text[])), (SELECT CAST($9 AS bigint[])),
    (SELECT CAST($10 AS bigint[]))) x (ref, sku, purchased, allocated)
  WHERE b.ref = x.ref AND b.sku = x.sku AND x.allocated = x.allocated + 0
    AND EXISTS (SELECT 1 FROM versions_match) RETURNING 1),
new_lines AS (
  INSERT INTO allocation_lines (order_id, sku, line, part, batch_ref, quantity, shipped, split, held_until,
    held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial, may_wait,
    hold_for)
  SELECT * FROM unnest((SELECT CAST($11 AS text[])), (SELECT CAST($12 AS text[])),
    (SELECT CAST($13 AS text[])), (SELECT CAST($14 AS int[])), (SELECT CAST($15 AS text[])),
    (SELECT CAST($16 AS bigint[])), (SELECT CAST($17 AS bigint[])), (SELECT CAST($18 AS smallint[])),
    (SELECT CAST($19 AS bigint[])), (SELECT CAST($20 AS smallint[])), (SELECT CAST($21 AS bigint[])),
    (SELECT CAST($22 AS bigint[])), (SELECT CAST($23 AS bigint[])), (SELECT CAST($24 AS text[])),
    (SELECT CAST($25 AS smallint[])), (SELECT CAST($26 AS smallint[])), (SELECT CAST($27 AS text[])),
    (SELECT CAST($28 AS bigint[])), (SELECT CAST($29 AS smallint[])), (SELECT CAST($30 AS smallint[])),
    (SELECT CAST($31 AS bigint[]))) x (order_id, sku, line, part, batch_ref, quantity, shipped, split,
    held_until, held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial,
    may_wait, hold_for) WHERE EXISTS (SELECT 1 FROM versions_match)),
events AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id,
    x.trace_parent, x.unsent_from, 6 FROM unnest((SELECT CAST($32 AS text[])), (SELECT CAST($33 AS bigint[])),
    (SELECT CAST($34 AS text[])), (SELECT CAST($35 AS bigint[])), (SELECT CAST($36 AS text[])),
    (SELECT CAST($37 AS bigint[])), (SELECT CAST($38 AS bigint[])), (SELECT CAST($39 AS text[])),
    (SELECT CAST($40 AS uuid[])), (SELECT CAST($41 AS text[])), (SELECT CAST($42 AS bigint[]))) x (sku,
    sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
  WHERE EXISTS (SELECT 1 FROM versions_match))
SELECT (SELECT COUNT(*) FROM versions_match),
  1 / CASE WHEN NOT EXISTS (SELECT 1 FROM versions_match) OR (SELECT COUNT(*)
    FROM changed) = CAST($43 AS bigint)
    THEN 1 ELSE 0 END
;

-- name: commit: plain lines of a product, in the place of others
-- Allocate of what lapsed holds had.
-- Parameters: product_version, product_refused, product_low_stock, product_low, product_sku, product_seen,
-- b_ref, b_sku, b_purchased, b_allocated, r_order_id, r_sku, r_line, r_part, l_order_id, l_sku, l_batch_ref,
-- l_quantity, l_sequence, e_sku, e_sequence, e_kind, e_at, e_batch_ref, e_purchased, e_allocated, e_data,
-- e_id, e_trace_parent, e_unsent_from, changed.
WITH p AS (
  UPDATE allocation_products SET version = $1, refused = $2, low_stock = $3, low = $4
  WHERE sku = $5 AND version = $6 RETURNING 1),
versions_match AS (SELECT 1 FROM p),
changed AS (
  UPDATE allocation_batches b SET purchased = b.purchased + x.purchased, allocated = b.allocated + x.allocated
  FROM unnest((SELECT CAST($7 AS text[])), (SELECT CAST($8 AS text[])), (SELECT CAST($9 AS bigint[])),
    (SELECT CAST($10 AS bigint[]))) x (ref, sku, purchased, allocated)
  WHERE b.ref = x.ref AND b.sku = x.sku AND x.allocated = x.allocated + 0
    AND EXISTS (SELECT 1 FROM versions_match) RETURNING 1),
removed AS (
  DELETE FROM allocation_lines l USING unnest((SELECT CAST($11 AS text[])), (SELECT CAST($12 AS text[])),
    (SELECT CAST($13 AS text[])), (SELECT CAST($14 AS int[]))) x (order_id, sku, line, part)
  WHERE l.order_id = x.order_id AND l.sku = x.sku AND l.line = x.line AND l.part >= x.part
    AND x.part = x.part + 0
    AND EXISTS (SELECT 1 FROM versions_match)),
new_lines AS (
  INSERT INTO allocation_lines (order_id, sku, part, batch_ref, quantity, shipped, split, sequence)
  SELECT x.order_id, x.sku, 0, x.batch_ref, x.quantity, 0, 0, x.sequence
    FROM unnest((SELECT CAST($15 AS text[])), (SELECT CAST($16 AS text[])), (SELECT CAST($17 AS text[])),
    (SELECT CAST($18 AS bigint[])), (SELECT CAST($19 AS bigint[]))) x (order_id, sku, batch_ref, quantity,
    sequence)
  WHERE EXISTS (SELECT 1 FROM versions_match)),
events AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id,
    x.trace_parent, x.unsent_from, 6 FROM unnest((SELECT CAST($20 AS text[])), (SELECT CAST($21 AS bigint[])),
    (SELECT CAST($22 AS text[])), (SELECT CAST($23 AS bigint[])), (SELECT CAST($24 AS text[])),
    (SELECT CAST($25 AS bigint[])), (SELECT CAST($26 AS bigint[])), (SELECT CAST($27 AS text[])),
    (SELECT CAST($28 AS uuid[])), (SELECT CAST($29 AS text[])), (SELECT CAST($30 AS bigint[]))) x (sku,
    sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
  WHERE EXISTS (SELECT 1 FROM versions_match))
SELECT (SELECT COUNT(*) FROM versions_match),
  1 / CASE WHEN NOT EXISTS (SELECT 1 FROM versions_match) OR (SELECT COUNT(*)
    FROM changed) = CAST($31 AS bigint)
    THEN 1 ELSE 0 END
;

-- name: commit: changed lines of a product
-- Ship, ShipPart, and ChangeBatchQuantity that moves lines.
-- Parameters: product_version, product_refused, product_low_stock, product_low, product_sku, product_seen,
-- b_ref, b_sku, b_purchased, b_allocated, b_eta, b_arrived_at, b_blocked, b_expired, b_due, b_dated,
-- b_counted_at, b_counted_quantity, b_shipped_at, r_order_id, r_sku, r_line, r_part, u_order_id, u_sku,
-- u_line, u_part, u_batch_ref, u_quantity, u_shipped, u_split, u_held_until, u_held, u_sequence,
-- u_needed_by, u_fresh_until, u_location, u_priority, u_late, u_handed_from, u_wanted, u_partial,
-- u_may_wait, u_hold_for, e_sku, e_sequence, e_kind, e_at, e_batch_ref, e_purchased, e_allocated, e_data,
-- e_id, e_trace_parent, e_unsent_from, changed.
WITH p AS (
  UPDATE allocation_products SET version = $1, refused = $2, low_stock = $3, low = $4
  WHERE sku = $5 AND version = $6 RETURNING 1),
versions_match AS (SELECT 1 FROM p),
changed AS (
  UPDATE allocation_batches b SET purchased = b.purchased + x.purchased,
    allocated = b.allocated + x.allocated, eta = x.eta, arrived_at = x.arrived_at, blocked = x.blocked,
    expired = x.expired, due = x.due, dated = x.dated, counted_at = x.counted_at,
    counted_quantity = x.counted_quantity, shipped_at = x.shipped_at
  FROM unnest((SELECT CAST($7 AS text[])), (SELECT CAST($8 AS text[])), (SELECT CAST($9 AS bigint[])),
    (SELECT CAST($10 AS bigint[])), (SELECT CAST($11 AS bigint[])), (SELECT CAST($12 AS bigint[])),
    (SELECT CAST($13 AS text[])), (SELECT CAST($14 AS smallint[])), (SELECT CAST($15 AS bigint[])),
    (SELECT CAST($16 AS smallint[])), (SELECT CAST($17 AS bigint[])), (SELECT CAST($18 AS bigint[])),
    (SELECT CAST($19 AS bigint[]))) x (ref, sku, purchased, allocated, eta, arrived_at, blocked, expired, due,
    dated, counted_at, counted_quantity, shipped_at)
  WHERE b.ref = x.ref AND b.sku = x.sku AND x.allocated = x.allocated + 0
    AND EXISTS (SELECT 1 FROM versions_match) RETURNING 1),
removed AS (
  DELETE FROM allocation_lines l USING unnest((SELECT CAST($20 AS text[])), (SELECT CAST($21 AS text[])),
    (SELECT CAST($22 AS text[])), (SELECT CAST($23 AS int[]))) x (order_id, sku, line, part)
  WHERE l.order_id = x.order_id AND l.sku = x.sku AND l.line = x.line AND l.part >= x.part
    AND x.part = x.part + 0
    AND EXISTS (SELECT 1 FROM versions_match)),
upsert_lines AS (
  INSERT INTO allocation_lines (order_id, sku, line, part, batch_ref, quantity, shipped, split, held_until,
    held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial, may_wait,
    hold_for)
  SELECT * FROM unnest((SELECT CAST($24 AS text[])), (SELECT CAST($25 AS text[])),
    (SELECT CAST($26 AS text[])), (SELECT CAST($27 AS int[])), (SELECT CAST($28 AS text[])),
    (SELECT CAST($29 AS bigint[])), (SELECT CAST($30 AS bigint[])), (SELECT CAST($31 AS smallint[])),
    (SELECT CAST($32 AS bigint[])), (SELECT CAST($33 AS smallint[])), (SELECT CAST($34 AS bigint[])),
    (SELECT CAST($35 AS bigint[])), (SELECT CAST($36 AS bigint[])), (SELECT CAST($37 AS text[])),
    (SELECT CAST($38 AS smallint[])), (SELECT CAST($39 AS smallint[])), (SELECT CAST($40 AS text[])),
    (SELECT CAST($41 AS bigint[])), (SELECT CAST($42 AS smallint[])), (SELECT CAST($43 AS smallint[])),
    (SELECT CAST($44 AS bigint[]))) x (order_id, sku, line, part, batch_ref, quantity, shipped, split,
    held_until, held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial,
    may_wait, hold_for) WHERE EXISTS (SELECT 1 FROM versions_match)
  ON CONFLICT (order_id, sku, line, part) DO UPDATE SET batch_ref = excluded.batch_ref,
    quantity = excluded.quantity, shipped = excluded.shipped, split = excluded.split,
    held_until = excluded.held_until, held = excluded.held, sequence = excluded.sequence,
    needed_by = excluded.needed_by, fresh_until = excluded.fresh_until, location = excluded.location,
    priority = excluded.priority, late = excluded.late, handed_from = excluded.handed_from,
    wanted = excluded.wanted, partial = excluded.partial, may_wait = excluded.may_wait,
    hold_for = excluded.hold_for),
events AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id,
    x.trace_parent, x.unsent_from, 6 FROM unnest((SELECT CAST($45 AS text[])), (SELECT CAST($46 AS bigint[])),
    (SELECT CAST($47 AS text[])), (SELECT CAST($48 AS bigint[])), (SELECT CAST($49 AS text[])),
    (SELECT CAST($50 AS bigint[])), (SELECT CAST($51 AS bigint[])), (SELECT CAST($52 AS text[])),
    (SELECT CAST($53 AS uuid[])), (SELECT CAST($54 AS text[])), (SELECT CAST($55 AS bigint[]))) x (sku,
    sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
  WHERE EXISTS (SELECT 1 FROM versions_match))
SELECT (SELECT COUNT(*) FROM versions_match),
  1 / CASE WHEN NOT EXISTS (SELECT 1 FROM versions_match) OR (SELECT COUNT(*)
    FROM changed) = CAST($56 AS bigint)
    THEN 1 ELSE 0 END
;

-- name: commit: changed lines and counters of a product
-- ChangeLine, and a shipment at the moment of the last one.
-- Parameters: product_version, product_refused, product_low_stock, product_low, product_sku, product_seen,
-- b_ref, b_sku, b_purchased, b_allocated, r_order_id, r_sku, r_line, r_part, u_order_id, u_sku, u_line,
-- u_part, u_batch_ref, u_quantity, u_shipped, u_split, u_held_until, u_held, u_sequence, u_needed_by,
-- u_fresh_until, u_location, u_priority, u_late, u_handed_from, u_wanted, u_partial, u_may_wait, u_hold_for,
-- e_sku, e_sequence, e_kind, e_at, e_batch_ref, e_purchased, e_allocated, e_data, e_id, e_trace_parent,
-- e_unsent_from, changed.
WITH p AS (
  UPDATE allocation_products SET version = $1, refused = $2, low_stock = $3, low = $4
  WHERE sku = $5 AND version = $6 RETURNING 1),
versions_match AS (SELECT 1 FROM p),
changed AS (
  UPDATE allocation_batches b SET purchased = b.purchased + x.purchased, allocated = b.allocated + x.allocated
  FROM unnest((SELECT CAST($7 AS text[])), (SELECT CAST($8 AS text[])), (SELECT CAST($9 AS bigint[])),
    (SELECT CAST($10 AS bigint[]))) x (ref, sku, purchased, allocated)
  WHERE b.ref = x.ref AND b.sku = x.sku AND x.allocated = x.allocated + 0
    AND EXISTS (SELECT 1 FROM versions_match) RETURNING 1),
removed AS (
  DELETE FROM allocation_lines l USING unnest((SELECT CAST($11 AS text[])), (SELECT CAST($12 AS text[])),
    (SELECT CAST($13 AS text[])), (SELECT CAST($14 AS int[]))) x (order_id, sku, line, part)
  WHERE l.order_id = x.order_id AND l.sku = x.sku AND l.line = x.line AND l.part >= x.part
    AND x.part = x.part + 0
    AND EXISTS (SELECT 1 FROM versions_match)),
upsert_lines AS (
  INSERT INTO allocation_lines (order_id, sku, line, part, batch_ref, quantity, shipped, split, held_until,
    held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial, may_wait,
    hold_for)
  SELECT * FROM unnest((SELECT CAST($15 AS text[])), (SELECT CAST($16 AS text[])),
    (SELECT CAST($17 AS text[])), (SELECT CAST($18 AS int[])), (SELECT CAST($19 AS text[])),
    (SELECT CAST($20 AS bigint[])), (SELECT CAST($21 AS bigint[])), (SELECT CAST($22 AS smallint[])),
    (SELECT CAST($23 AS bigint[])), (SELECT CAST($24 AS smallint[])), (SELECT CAST($25 AS bigint[])),
    (SELECT CAST($26 AS bigint[])), (SELECT CAST($27 AS bigint[])), (SELECT CAST($28 AS text[])),
    (SELECT CAST($29 AS smallint[])), (SELECT CAST($30 AS smallint[])), (SELECT CAST($31 AS text[])),
    (SELECT CAST($32 AS bigint[])), (SELECT CAST($33 AS smallint[])), (SELECT CAST($34 AS smallint[])),
    (SELECT CAST($35 AS bigint[]))) x (order_id, sku, line, part, batch_ref, quantity, shipped, split,
    held_until, held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial,
    may_wait, hold_for) WHERE EXISTS (SELECT 1 FROM versions_match)
  ON CONFLICT (order_id, sku, line, part) DO UPDATE SET batch_ref = excluded.batch_ref,
    quantity = excluded.quantity, shipped = excluded.shipped, split = excluded.split,
    held_until = excluded.held_until, held = excluded.held, sequence = excluded.sequence,
    needed_by = excluded.needed_by, fresh_until = excluded.fresh_until, location = excluded.location,
    priority = excluded.priority, late = excluded.late, handed_from = excluded.handed_from,
    wanted = excluded.wanted, partial = excluded.partial, may_wait = excluded.may_wait,
    hold_for = excluded.hold_for),
events AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id,
    x.trace_parent, x.unsent_from, 6 FROM unnest((SELECT CAST($36 AS text[])), (SELECT CAST($37 AS bigint[])),
    (SELECT CAST($38 AS text[])), (SELECT CAST($39 AS bigint[])), (SELECT CAST($40 AS text[])),
    (SELECT CAST($41 AS bigint[])), (SELECT CAST($42 AS bigint[])), (SELECT CAST($43 AS text[])),
    (SELECT CAST($44 AS uuid[])), (SELECT CAST($45 AS text[])), (SELECT CAST($46 AS bigint[]))) x (sku,
    sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
  WHERE EXISTS (SELECT 1 FROM versions_match))
SELECT (SELECT COUNT(*) FROM versions_match),
  1 / CASE WHEN NOT EXISTS (SELECT 1 FROM versions_match) OR (SELECT COUNT(*)
    FROM changed) = CAST($47 AS bigint)
    THEN 1 ELSE 0 END
;

-- name: commit: changed lines of several products
-- Ship of an order.
-- Parameters: p_sku, p_seen, p_version, p_refused, p_low_stock, p_low, b_ref, b_sku, b_purchased,
-- b_allocated, b_eta, b_arrived_at, b_blocked, b_expired, b_due, b_dated, b_counted_at, b_counted_quantity,
-- b_shipped_at, r_order_id, r_sku, r_line, r_part, u_order_id, u_sku, u_line, u_part, u_batch_ref,
-- u_quantity, u_shipped, u_split, u_held_until, u_held, u_sequence, u_needed_by, u_fresh_until, u_location,
-- u_priority, u_late, u_handed_from, u_wanted, u_partial, u_may_wait, u_hold_for, e_sku, e_sequence, e_kind,
-- e_at, e_batch_ref, e_purchased, e_allocated, e_data, e_id, e_trace_parent, e_unsent_from, changed.
WITH p AS MATERIALIZED (
  SELECT * FROM unnest((SELECT CAST($1 AS text[])), (SELECT CAST($2 AS bigint[])),
    (SELECT CAST($3 AS bigint[])), (SELECT CAST($4 AS bigint[])), (SELECT CAST($5 AS bigint[])),
    (SELECT CAST($6 AS smallint[]))) x (sku, seen, version, refused, low_stock, low) WHERE x.seen = x.seen + 0),
named AS MATERIALIZED (
  SELECT o.sku, o.version FROM allocation_products o
  WHERE o.sku = ANY (ARRAY(SELECT x.sku FROM unnest((SELECT CAST($1 AS text[]))) x (sku)))
  ORDER BY o.sku FOR NO KEY UPDATE),
locked AS MATERIALIZED (
  SELECT o.sku FROM p JOIN named o ON o.sku = p.sku AND o.version = p.seen),
versions_match AS (
  SELECT 1 WHERE (SELECT COUNT(*) FROM locked) = (SELECT COUNT(*) FROM p)),
moved AS (
  UPDATE allocation_products o SET version = p.version, refused = p.refused, low_stock = p.low_stock,
    low = p.low
  FROM p WHERE o.sku = p.sku AND o.version = p.seen AND p.version > p.seen AND EXISTS (SELECT 1
    FROM versions_match)),
changed AS (
  UPDATE allocation_batches b SET purchased = b.purchased + x.purchased,
    allocated = b.allocated + x.allocated, eta = x.eta, arrived_at = x.arrived_at, blocked = x.blocked,
    expired = x.expired, due = x.due, dated = x.dated, counted_at = x.counted_at,
    counted_quantity = x.counted_quantity, shipped_at = x.shipped_at
  FROM unnest((SELECT CAST($7 AS text[])), (SELECT CAST($8 AS text[])), (SELECT CAST($9 AS bigint[])),
    (SELECT CAST($10 AS bigint[])), (SELECT CAST($11 AS bigint[])), (SELECT CAST($12 AS bigint[])),
    (SELECT CAST($13 AS text[])), (SELECT CAST($14 AS smallint[])), (SELECT CAST($15 AS bigint[])),
    (SELECT CAST($16 AS smallint[])), (SELECT CAST($17 AS bigint[])), (SELECT CAST($18 AS bigint[])),
    (SELECT CAST($19 AS bigint[]))) x (ref, sku, purchased, allocated, eta, arrived_at, blocked, expired, due,
    dated, counted_at, counted_quantity, shipped_at)
  WHERE b.ref = x.ref AND b.sku = x.sku AND x.allocated = x.allocated + 0
    AND EXISTS (SELECT 1 FROM versions_match) RETURNING 1),
removed AS (
  DELETE FROM allocation_lines l USING unnest((SELECT CAST($20 AS text[])), (SELECT CAST($21 AS text[])),
    (SELECT CAST($22 AS text[])), (SELECT CAST($23 AS int[]))) x (order_id, sku, line, part)
  WHERE l.order_id = x.order_id AND l.sku = x.sku AND l.line = x.line AND l.part >= x.part
    AND x.part = x.part + 0
    AND EXISTS (SELECT 1 FROM versions_match)),
upsert_lines AS (
  INSERT INTO allocation_lines (order_id, sku, line, part, batch_ref, quantity, shipped, split, held_until,
    held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial, may_wait,
    hold_for)
  SELECT * FROM unnest((SELECT CAST($24 AS text[])), (SELECT CAST($25 AS text[])),
    (SELECT CAST($26 AS text[])), (SELECT CAST($27 AS int[])), (SELECT CAST($28 AS text[])),
    (SELECT CAST($29 AS bigint[])), (SELECT CAST($30 AS bigint[])), (SELECT CAST($31 AS smallint[])),
    (SELECT CAST($32 AS bigint[])), (SELECT CAST($33 AS smallint[])), (SELECT CAST($34 AS bigint[])),
    (SELECT CAST($35 AS bigint[])), (SELECT CAST($36 AS bigint[])), (SELECT CAST($37 AS text[])),
    (SELECT CAST($38 AS smallint[])), (SELECT CAST($39 AS smallint[])), (SELECT CAST($40 AS text[])),
    (SELECT CAST($41 AS bigint[])), (SELECT CAST($42 AS smallint[])), (SELECT CAST($43 AS smallint[])),
    (SELECT CAST($44 AS bigint[]))) x (order_id, sku, line, part, batch_ref, quantity, shipped, split,
    held_until, held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial,
    may_wait, hold_for) WHERE EXISTS (SELECT 1 FROM versions_match)
  ON CONFLICT (order_id, sku, line, part) DO UPDATE SET batch_ref = excluded.batch_ref,
    quantity = excluded.quantity, shipped = excluded.shipped, split = excluded.split,
    held_until = excluded.held_until, held = excluded.held, sequence = excluded.sequence,
    needed_by = excluded.needed_by, fresh_until = excluded.fresh_until, location = excluded.location,
    priority = excluded.priority, late = excluded.late, handed_from = excluded.handed_from,
    wanted = excluded.wanted, partial = excluded.partial, may_wait = excluded.may_wait,
    hold_for = excluded.hold_for),
events AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id,
    x.trace_parent, x.unsent_from, 6 FROM unnest((SELECT CAST($45 AS text[])), (SELECT CAST($46 AS bigint[])),
    (SELECT CAST($47 AS text[])), (SELECT CAST($48 AS bigint[])), (SELECT CAST($49 AS text[])),
    (SELECT CAST($50 AS bigint[])), (SELECT CAST($51 AS bigint[])), (SELECT CAST($52 AS text[])),
    (SELECT CAST($53 AS uuid[])), (SELECT CAST($54 AS text[])), (SELECT CAST($55 AS bigint[]))) x (sku,
    sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
  WHERE EXISTS (SELECT 1 FROM versions_match))
SELECT (SELECT COUNT(*) FROM versions_match),
  1 / CASE WHEN NOT EXISTS (SELECT 1 FROM versions_match) OR (SELECT COUNT(*)
    FROM changed) = CAST($56 AS bigint)
    THEN 1 ELSE 0 END
;

-- name: commit: terms of the lines of a product
-- Confirm and Extend.
-- Parameters: product_version, product_refused, product_low_stock, product_low, product_sku, product_seen,
-- r_order_id, r_sku, r_line, r_part, u_order_id, u_sku, u_line, u_part, u_batch_ref, u_quantity, u_shipped,
-- u_split, u_held_until, u_held, u_sequence, u_needed_by, u_fresh_until, u_location, u_priority, u_late,
-- u_handed_from, u_wanted, u_partial, u_may_wait, u_hold_for, e_sku, e_sequence, e_kind, e_at, e_batch_ref,
-- e_purchased, e_allocated, e_data, e_id, e_trace_parent, e_unsent_from.
WITH p AS (
  UPDATE allocation_products SET version = $1, refused = $2, low_stock = $3, low = $4
  WHERE sku = $5 AND version = $6 RETURNING 1),
versions_match AS (SELECT 1 FROM p),
removed AS (
  DELETE FROM allocation_lines l USING unnest((SELECT CAST($7 AS text[])), (SELECT CAST($8 AS text[])),
    (SELECT CAST($9 AS text[])), (SELECT CAST($10 AS int[]))) x (order_id, sku, line, part)
  WHERE l.order_id = x.order_id AND l.sku = x.sku AND l.line = x.line AND l.part >= x.part
    AND x.part = x.part + 0
    AND EXISTS (SELECT 1 FROM versions_match)),
upsert_lines AS (
  INSERT INTO allocation_lines (order_id, sku, line, part, batch_ref, quantity, shipped, split, held_until,
    held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial, may_wait,
    hold_for)
  SELECT * FROM unnest((SELECT CAST($11 AS text[])), (SELECT CAST($12 AS text[])),
    (SELECT CAST($13 AS text[])), (SELECT CAST($14 AS int[])), (SELECT CAST($15 AS text[])),
    (SELECT CAST($16 AS bigint[])), (SELECT CAST($17 AS bigint[])), (SELECT CAST($18 AS smallint[])),
    (SELECT CAST($19 AS bigint[])), (SELECT CAST($20 AS smallint[])), (SELECT CAST($21 AS bigint[])),
    (SELECT CAST($22 AS bigint[])), (SELECT CAST($23 AS bigint[])), (SELECT CAST($24 AS text[])),
    (SELECT CAST($25 AS smallint[])), (SELECT CAST($26 AS smallint[])), (SELECT CAST($27 AS text[])),
    (SELECT CAST($28 AS bigint[])), (SELECT CAST($29 AS smallint[])), (SELECT CAST($30 AS smallint[])),
    (SELECT CAST($31 AS bigint[]))) x (order_id, sku, line, part, batch_ref, quantity, shipped, split,
    held_until, held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial,
    may_wait, hold_for) WHERE EXISTS (SELECT 1 FROM versions_match)
  ON CONFLICT (order_id, sku, line, part) DO UPDATE SET batch_ref = excluded.batch_ref,
    quantity = excluded.quantity, shipped = excluded.shipped, split = excluded.split,
    held_until = excluded.held_until, held = excluded.held, sequence = excluded.sequence,
    needed_by = excluded.needed_by, fresh_until = excluded.fresh_until, location = excluded.location,
    priority = excluded.priority, late = excluded.late, handed_from = excluded.handed_from,
    wanted = excluded.wanted, partial = excluded.partial, may_wait = excluded.may_wait,
    hold_for = excluded.hold_for),
events AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id,
    x.trace_parent, x.unsent_from, 6 FROM unnest((SELECT CAST($32 AS text[])), (SELECT CAST($33 AS bigint[])),
    (SELECT CAST($34 AS text[])), (SELECT CAST($35 AS bigint[])), (SELECT CAST($36 AS text[])),
    (SELECT CAST($37 AS bigint[])), (SELECT CAST($38 AS bigint[])), (SELECT CAST($39 AS text[])),
    (SELECT CAST($40 AS uuid[])), (SELECT CAST($41 AS text[])), (SELECT CAST($42 AS bigint[]))) x (sku,
    sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
  WHERE EXISTS (SELECT 1 FROM versions_match))
SELECT (SELECT COUNT(*) FROM versions_match), 1
;

-- name: commit: terms of the lines of several products
-- Confirm and Extend of an order.
-- Parameters: p_sku, p_seen, p_version, p_refused, p_low_stock, p_low, r_order_id, r_sku, r_line, r_part,
-- u_order_id, u_sku, u_line, u_part, u_batch_ref, u_quantity, u_shipped, u_split, u_held_until, u_held,
-- u_sequence, u_needed_by, u_fresh_until, u_location, u_priority, u_late, u_handed_from, u_wanted,
-- u_partial, u_may_wait, u_hold_for, e_sku, e_sequence, e_kind, e_at, e_batch_ref, e_purchased, e_allocated,
-- e_data, e_id, e_trace_parent, e_unsent_from.
WITH p AS MATERIALIZED (
  SELECT * FROM unnest((SELECT CAST($1 AS text[])), (SELECT CAST($2 AS bigint[])),
    (SELECT CAST($3 AS bigint[])), (SELECT CAST($4 AS bigint[])), (SELECT CAST($5 AS bigint[])),
    (SELECT CAST($6 AS smallint[]))) x (sku, seen, version, refused, low_stock, low) WHERE x.seen = x.seen + 0),
named AS MATERIALIZED (
  SELECT o.sku, o.version FROM allocation_products o
  WHERE o.sku = ANY (ARRAY(SELECT x.sku FROM unnest((SELECT CAST($1 AS text[]))) x (sku)))
  ORDER BY o.sku FOR NO KEY UPDATE),
locked AS MATERIALIZED (
  SELECT o.sku FROM p JOIN named o ON o.sku = p.sku AND o.version = p.seen),
versions_match AS (
  SELECT 1 WHERE (SELECT COUNT(*) FROM locked) = (SELECT COUNT(*) FROM p)),
moved AS (
  UPDATE allocation_products o SET version = p.version, refused = p.refused, low_stock = p.low_stock,
    low = p.low
  FROM p WHERE o.sku = p.sku AND o.version = p.seen AND p.version > p.seen AND EXISTS (SELECT 1
    FROM versions_match)),
removed AS (
  DELETE FROM allocation_lines l USING unnest((SELECT CAST($7 AS text[])), (SELECT CAST($8 AS text[])),
    (SELECT CAST($9 AS text[])), (SELECT CAST($10 AS int[]))) x (order_id, sku, line, part)
  WHERE l.order_id = x.order_id AND l.sku = x.sku AND l.line = x.line AND l.part >= x.part
    AND x.part = x.part + 0
    AND EXISTS (SELECT 1 FROM versions_match)),
upsert_lines AS (
  INSERT INTO allocation_lines (order_id, sku, line, part, batch_ref, quantity, shipped, split, held_until,
    held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial, may_wait,
    hold_for)
  SELECT * FROM unnest((SELECT CAST($11 AS text[])), (SELECT CAST($12 AS text[])),
    (SELECT CAST($13 AS text[])), (SELECT CAST($14 AS int[])), (SELECT CAST($15 AS text[])),
    (SELECT CAST($16 AS bigint[])), (SELECT CAST($17 AS bigint[])), (SELECT CAST($18 AS smallint[])),
    (SELECT CAST($19 AS bigint[])), (SELECT CAST($20 AS smallint[])), (SELECT CAST($21 AS bigint[])),
    (SELECT CAST($22 AS bigint[])), (SELECT CAST($23 AS bigint[])), (SELECT CAST($24 AS text[])),
    (SELECT CAST($25 AS smallint[])), (SELECT CAST($26 AS smallint[])), (SELECT CAST($27 AS text[])),
    (SELECT CAST($28 AS bigint[])), (SELECT CAST($29 AS smallint[])), (SELECT CAST($30 AS smallint[])),
    (SELECT CAST($31 AS bigint[]))) x (order_id, sku, line, part, batch_ref, quantity, shipped, split,
    held_until, held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial,
    may_wait, hold_for) WHERE EXISTS (SELECT 1 FROM versions_match)
  ON CONFLICT (order_id, sku, line, part) DO UPDATE SET batch_ref = excluded.batch_ref,
    quantity = excluded.quantity, shipped = excluded.shipped, split = excluded.split,
    held_until = excluded.held_until, held = excluded.held, sequence = excluded.sequence,
    needed_by = excluded.needed_by, fresh_until = excluded.fresh_until, location = excluded.location,
    priority = excluded.priority, late = excluded.late, handed_from = excluded.handed_from,
    wanted = excluded.wanted, partial = excluded.partial, may_wait = excluded.may_wait,
    hold_for = excluded.hold_for),
events AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id,
    x.trace_parent, x.unsent_from, 6 FROM unnest((SELECT CAST($32 AS text[])), (SELECT CAST($33 AS bigint[])),
    (SELECT CAST($34 AS text[])), (SELECT CAST($35 AS bigint[])), (SELECT CAST($36 AS text[])),
    (SELECT CAST($37 AS bigint[])), (SELECT CAST($38 AS bigint[])), (SELECT CAST($39 AS text[])),
    (SELECT CAST($40 AS uuid[])), (SELECT CAST($41 AS text[])), (SELECT CAST($42 AS bigint[]))) x (sku,
    sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
  WHERE EXISTS (SELECT 1 FROM versions_match))
SELECT (SELECT COUNT(*) FROM versions_match), 1
;

-- name: commit: removed lines of a product
-- ChangeBatchQuantity that releases lines.
-- Parameters: product_version, product_refused, product_low_stock, product_low, product_sku, product_seen,
-- b_ref, b_sku, b_purchased, b_allocated, b_eta, b_arrived_at, b_blocked, b_expired, b_due, b_dated,
-- b_counted_at, b_counted_quantity, b_shipped_at, r_order_id, r_sku, r_line, r_part, e_sku, e_sequence,
-- e_kind, e_at, e_batch_ref, e_purchased, e_allocated, e_data, e_id, e_trace_parent, e_unsent_from, changed.
WITH p AS (
  UPDATE allocation_products SET version = $1, refused = $2, low_stock = $3, low = $4
  WHERE sku = $5 AND version = $6 RETURNING 1),
versions_match AS (SELECT 1 FROM p),
changed AS (
  UPDATE allocation_batches b SET purchased = b.purchased + x.purchased,
    allocated = b.allocated + x.allocated, eta = x.eta, arrived_at = x.arrived_at, blocked = x.blocked,
    expired = x.expired, due = x.due, dated = x.dated, counted_at = x.counted_at,
    counted_quantity = x.counted_quantity, shipped_at = x.shipped_at
  FROM unnest((SELECT CAST($7 AS text[])), (SELECT CAST($8 AS text[])), (SELECT CAST($9 AS bigint[])),
    (SELECT CAST($10 AS bigint[])), (SELECT CAST($11 AS bigint[])), (SELECT CAST($12 AS bigint[])),
    (SELECT CAST($13 AS text[])), (SELECT CAST($14 AS smallint[])), (SELECT CAST($15 AS bigint[])),
    (SELECT CAST($16 AS smallint[])), (SELECT CAST($17 AS bigint[])), (SELECT CAST($18 AS bigint[])),
    (SELECT CAST($19 AS bigint[]))) x (ref, sku, purchased, allocated, eta, arrived_at, blocked, expired, due,
    dated, counted_at, counted_quantity, shipped_at)
  WHERE b.ref = x.ref AND b.sku = x.sku AND x.allocated = x.allocated + 0
    AND EXISTS (SELECT 1 FROM versions_match) RETURNING 1),
removed AS (
  DELETE FROM allocation_lines l USING unnest((SELECT CAST($20 AS text[])), (SELECT CAST($21 AS text[])),
    (SELECT CAST($22 AS text[])), (SELECT CAST($23 AS int[]))) x (order_id, sku, line, part)
  WHERE l.order_id = x.order_id AND l.sku = x.sku AND l.line = x.line AND l.part >= x.part
    AND x.part = x.part + 0
    AND EXISTS (SELECT 1 FROM versions_match)),
events AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id,
    x.trace_parent, x.unsent_from, 6 FROM unnest((SELECT CAST($24 AS text[])), (SELECT CAST($25 AS bigint[])),
    (SELECT CAST($26 AS text[])), (SELECT CAST($27 AS bigint[])), (SELECT CAST($28 AS text[])),
    (SELECT CAST($29 AS bigint[])), (SELECT CAST($30 AS bigint[])), (SELECT CAST($31 AS text[])),
    (SELECT CAST($32 AS uuid[])), (SELECT CAST($33 AS text[])), (SELECT CAST($34 AS bigint[]))) x (sku,
    sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
  WHERE EXISTS (SELECT 1 FROM versions_match))
SELECT (SELECT COUNT(*) FROM versions_match),
  1 / CASE WHEN NOT EXISTS (SELECT 1 FROM versions_match) OR (SELECT COUNT(*)
    FROM changed) = CAST($35 AS bigint)
    THEN 1 ELSE 0 END
;

-- name: commit: removed lines and counters of a product
-- Cancel and Sweep.
-- Parameters: product_version, product_refused, product_low_stock, product_low, product_sku, product_seen,
-- b_ref, b_sku, b_purchased, b_allocated, r_order_id, r_sku, r_line, r_part, e_sku, e_sequence, e_kind,
-- e_at, e_batch_ref, e_purchased, e_allocated, e_data, e_id, e_trace_parent, e_unsent_from, changed.
WITH p AS (
  UPDATE allocation_products SET version = $1, refused = $2, low_stock = $3, low = $4
  WHERE sku = $5 AND version = $6 RETURNING 1),
versions_match AS (SELECT 1 FROM p),
changed AS (
  UPDATE allocation_batches b SET purchased = b.purchased + x.purchased, allocated = b.allocated + x.allocated
  FROM unnest((SELECT CAST($7 AS text[])), (SELECT CAST($8 AS text[])), (SELECT CAST($9 AS bigint[])),
    (SELECT CAST($10 AS bigint[]))) x (ref, sku, purchased, allocated)
  WHERE b.ref = x.ref AND b.sku = x.sku AND x.allocated = x.allocated + 0
    AND EXISTS (SELECT 1 FROM versions_match) RETURNING 1),
removed AS (
  DELETE FROM allocation_lines l USING unnest((SELECT CAST($11 AS text[])), (SELECT CAST($12 AS text[])),
    (SELECT CAST($13 AS text[])), (SELECT CAST($14 AS int[]))) x (order_id, sku, line, part)
  WHERE l.order_id = x.order_id AND l.sku = x.sku AND l.line = x.line AND l.part >= x.part
    AND x.part = x.part + 0
    AND EXISTS (SELECT 1 FROM versions_match)),
events AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id,
    x.trace_parent, x.unsent_from, 6 FROM unnest((SELECT CAST($15 AS text[])), (SELECT CAST($16 AS bigint[])),
    (SELECT CAST($17 AS text[])), (SELECT CAST($18 AS bigint[])), (SELECT CAST($19 AS text[])),
    (SELECT CAST($20 AS bigint[])), (SELECT CAST($21 AS bigint[])), (SELECT CAST($22 AS text[])),
    (SELECT CAST($23 AS uuid[])), (SELECT CAST($24 AS text[])), (SELECT CAST($25 AS bigint[]))) x (sku,
    sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
  WHERE EXISTS (SELECT 1 FROM versions_match))
SELECT (SELECT COUNT(*) FROM versions_match),
  1 / CASE WHEN NOT EXISTS (SELECT 1 FROM versions_match) OR (SELECT COUNT(*)
    FROM changed) = CAST($26 AS bigint)
    THEN 1 ELSE 0 END
;

-- name: commit: removed lines of several products
-- Cancel of an order.
-- Parameters: p_sku, p_seen, p_version, p_refused, p_low_stock, p_low, b_ref, b_sku, b_purchased,
-- b_allocated, r_order_id, r_sku, r_line, r_part, e_sku, e_sequence, e_kind, e_at, e_batch_ref, e_purchased,
-- e_allocated, e_data, e_id, e_trace_parent, e_unsent_from, changed.
WITH p AS MATERIALIZED (
  SELECT * FROM unnest((SELECT CAST($1 AS text[])), (SELECT CAST($2 AS bigint[])),
    (SELECT CAST($3 AS bigint[])), (SELECT CAST($4 AS bigint[])), (SELECT CAST($5 AS bigint[])),
    (SELECT CAST($6 AS smallint[]))) x (sku, seen, version, refused, low_stock, low) WHERE x.seen = x.seen + 0),
named AS MATERIALIZED (
  SELECT o.sku, o.version FROM allocation_products o
  WHERE o.sku = ANY (ARRAY(SELECT x.sku FROM unnest((SELECT CAST($1 AS text[]))) x (sku)))
  ORDER BY o.sku FOR NO KEY UPDATE),
locked AS MATERIALIZED (
  SELECT o.sku FROM p JOIN named o ON o.sku = p.sku AND o.version = p.seen),
versions_match AS (
  SELECT 1 WHERE (SELECT COUNT(*) FROM locked) = (SELECT COUNT(*) FROM p)),
moved AS (
  UPDATE allocation_products o SET version = p.version, refused = p.refused, low_stock = p.low_stock,
    low = p.low
  FROM p WHERE o.sku = p.sku AND o.version = p.seen AND p.version > p.seen AND EXISTS (SELECT 1
    FROM versions_match)),
changed AS (
  UPDATE allocation_batches b SET purchased = b.purchased + x.purchased, allocated = b.allocated + x.allocated
  FROM unnest((SELECT CAST($7 AS text[])), (SELECT CAST($8 AS text[])), (SELECT CAST($9 AS bigint[])),
    (SELECT CAST($10 AS bigint[]))) x (ref, sku, purchased, allocated)
  WHERE b.ref = x.ref AND b.sku = x.sku AND x.allocated = x.allocated + 0
    AND EXISTS (SELECT 1 FROM versions_match) RETURNING 1),
removed AS (
  DELETE FROM allocation_lines l USING unnest((SELECT CAST($11 AS text[])), (SELECT CAST($12 AS text[])),
    (SELECT CAST($13 AS text[])), (SELECT CAST($14 AS int[]))) x (order_id, sku, line, part)
  WHERE l.order_id = x.order_id AND l.sku = x.sku AND l.line = x.line AND l.part >= x.part
    AND x.part = x.part + 0
    AND EXISTS (SELECT 1 FROM versions_match)),
events AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id,
    x.trace_parent, x.unsent_from, 6 FROM unnest((SELECT CAST($15 AS text[])), (SELECT CAST($16 AS bigint[])),
    (SELECT CAST($17 AS text[])), (SELECT CAST($18 AS bigint[])), (SELECT CAST($19 AS text[])),
    (SELECT CAST($20 AS bigint[])), (SELECT CAST($21 AS bigint[])), (SELECT CAST($22 AS text[])),
    (SELECT CAST($23 AS uuid[])), (SELECT CAST($24 AS text[])), (SELECT CAST($25 AS bigint[]))) x (sku,
    sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
  WHERE EXISTS (SELECT 1 FROM versions_match))
SELECT (SELECT COUNT(*) FROM versions_match),
  1 / CASE WHEN NOT EXISTS (SELECT 1 FROM versions_match) OR (SELECT COUNT(*)
    FROM changed) = CAST($26 AS bigint)
    THEN 1 ELSE 0 END
;

-- name: commit: lines of a product begin to wait
-- Allocate with Wait.
-- Parameters: product_version, product_refused, product_low_stock, product_low, product_sku, product_seen,
-- w_order_id, w_sku, w_line, w_quantity, w_wanted, w_split, w_partial, w_hold_for, w_needed_by,
-- w_fresh_until, w_location, w_priority, w_handed_from, w_sequence, e_sku, e_sequence, e_kind, e_at,
-- e_batch_ref, e_purchased, e_allocated, e_data, e_id, e_trace_parent, e_unsent_from.
WITH p AS (
  UPDATE allocation_products SET version = $1, refused = $2, low_stock = $3, low = $4
  WHERE sku = $5 AND version = $6 RETURNING 1),
versions_match AS (SELECT 1 FROM p),
new_waiting AS (
  INSERT INTO allocation_waiting (order_id, sku, line, quantity, wanted, split, partial, hold_for, needed_by,
    fresh_until, location, priority, handed_from, sequence)
  SELECT * FROM unnest((SELECT CAST($7 AS text[])), (SELECT CAST($8 AS text[])), (SELECT CAST($9 AS text[])),
    (SELECT CAST($10 AS bigint[])), (SELECT CAST($11 AS bigint[])), (SELECT CAST($12 AS smallint[])),
    (SELECT CAST($13 AS smallint[])), (SELECT CAST($14 AS bigint[])), (SELECT CAST($15 AS bigint[])),
    (SELECT CAST($16 AS bigint[])), (SELECT CAST($17 AS text[])), (SELECT CAST($18 AS smallint[])),
    (SELECT CAST($19 AS text[])), (SELECT CAST($20 AS bigint[]))) x (order_id, sku, line, quantity, wanted,
    split, partial, hold_for, needed_by, fresh_until, location, priority, handed_from, sequence)
    WHERE EXISTS (SELECT 1 FROM versions_match)),
events AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id,
    x.trace_parent, x.unsent_from, 6 FROM unnest((SELECT CAST($21 AS text[])), (SELECT CAST($22 AS bigint[])),
    (SELECT CAST($23 AS text[])), (SELECT CAST($24 AS bigint[])), (SELECT CAST($25 AS text[])),
    (SELECT CAST($26 AS bigint[])), (SELECT CAST($27 AS bigint[])), (SELECT CAST($28 AS text[])),
    (SELECT CAST($29 AS uuid[])), (SELECT CAST($30 AS text[])), (SELECT CAST($31 AS bigint[]))) x (sku,
    sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
  WHERE EXISTS (SELECT 1 FROM versions_match))
SELECT (SELECT COUNT(*) FROM versions_match), 1
;

-- name: commit: a line of a product waits for other units
-- ChangeLine of a line that waits.
-- Parameters: product_version, product_refused, product_low_stock, product_low, product_sku, product_seen,
-- v_order_id, v_sku, v_line, v_quantity, v_wanted, v_split, v_partial, v_hold_for, v_needed_by,
-- v_fresh_until, v_location, v_priority, v_handed_from, v_sequence, e_sku, e_sequence, e_kind, e_at,
-- e_batch_ref, e_purchased, e_allocated, e_data, e_id, e_trace_parent, e_unsent_from.
WITH p AS (
  UPDATE allocation_products SET version = $1, refused = $2, low_stock = $3, low = $4
  WHERE sku = $5 AND version = $6 RETURNING 1),
versions_match AS (SELECT 1 FROM p),
upsert_waiting AS (
  INSERT INTO allocation_waiting (order_id, sku, line, quantity, wanted, split, partial, hold_for, needed_by,
    fresh_until, location, priority, handed_from, sequence)
  SELECT * FROM unnest((SELECT CAST($7 AS text[])), (SELECT CAST($8 AS text[])), (SELECT CAST($9 AS text[])),
    (SELECT CAST($10 AS bigint[])), (SELECT CAST($11 AS bigint[])), (SELECT CAST($12 AS smallint[])),
    (SELECT CAST($13 AS smallint[])), (SELECT CAST($14 AS bigint[])), (SELECT CAST($15 AS bigint[])),
    (SELECT CAST($16 AS bigint[])), (SELECT CAST($17 AS text[])), (SELECT CAST($18 AS smallint[])),
    (SELECT CAST($19 AS text[])), (SELECT CAST($20 AS bigint[]))) x (order_id, sku, line, quantity, wanted,
    split, partial, hold_for, needed_by, fresh_until, location, priority, handed_from, sequence)
    WHERE EXISTS (SELECT 1 FROM versions_match)
  ON CONFLICT (order_id, sku, line) DO UPDATE SET order_id = excluded.order_id, sku = excluded.sku,
    line = excluded.line, quantity = excluded.quantity, wanted = excluded.wanted, split = excluded.split,
    partial = excluded.partial, hold_for = excluded.hold_for, needed_by = excluded.needed_by,
    fresh_until = excluded.fresh_until, location = excluded.location, priority = excluded.priority,
    handed_from = excluded.handed_from, sequence = excluded.sequence),
events AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id,
    x.trace_parent, x.unsent_from, 6 FROM unnest((SELECT CAST($21 AS text[])), (SELECT CAST($22 AS bigint[])),
    (SELECT CAST($23 AS text[])), (SELECT CAST($24 AS bigint[])), (SELECT CAST($25 AS text[])),
    (SELECT CAST($26 AS bigint[])), (SELECT CAST($27 AS bigint[])), (SELECT CAST($28 AS text[])),
    (SELECT CAST($29 AS uuid[])), (SELECT CAST($30 AS text[])), (SELECT CAST($31 AS bigint[]))) x (sku,
    sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
  WHERE EXISTS (SELECT 1 FROM versions_match))
SELECT (SELECT COUNT(*) FROM versions_match), 1
;

-- name: commit: a line of a product waits no longer
-- Cancel of a line that waits.
-- Parameters: product_version, product_refused, product_low_stock, product_low, product_sku, product_seen,
-- d_order_id, d_sku, d_line, d_part, e_sku, e_sequence, e_kind, e_at, e_batch_ref, e_purchased, e_allocated,
-- e_data, e_id, e_trace_parent, e_unsent_from.
WITH p AS (
  UPDATE allocation_products SET version = $1, refused = $2, low_stock = $3, low = $4
  WHERE sku = $5 AND version = $6 RETURNING 1),
versions_match AS (SELECT 1 FROM p),
ended AS (
  DELETE FROM allocation_waiting l USING unnest((SELECT CAST($7 AS text[])), (SELECT CAST($8 AS text[])),
    (SELECT CAST($9 AS text[])), (SELECT CAST($10 AS int[]))) x (order_id, sku, line, part)
  WHERE l.order_id = x.order_id AND l.sku = x.sku AND l.line = x.line
    AND x.part = x.part + 0
    AND EXISTS (SELECT 1 FROM versions_match)),
events AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id,
    x.trace_parent, x.unsent_from, 6 FROM unnest((SELECT CAST($11 AS text[])), (SELECT CAST($12 AS bigint[])),
    (SELECT CAST($13 AS text[])), (SELECT CAST($14 AS bigint[])), (SELECT CAST($15 AS text[])),
    (SELECT CAST($16 AS bigint[])), (SELECT CAST($17 AS bigint[])), (SELECT CAST($18 AS text[])),
    (SELECT CAST($19 AS uuid[])), (SELECT CAST($20 AS text[])), (SELECT CAST($21 AS bigint[]))) x (sku,
    sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
  WHERE EXISTS (SELECT 1 FROM versions_match))
SELECT (SELECT COUNT(*) FROM versions_match), 1
;

-- name: commit: a line of a product is served
-- Cancel, if anybody waits.
-- Parameters: product_version, product_refused, product_low_stock, product_low, product_sku, product_seen,
-- b_ref, b_sku, b_purchased, b_allocated, r_order_id, r_sku, r_line, r_part, l_order_id, l_sku, l_line,
-- l_part, l_batch_ref, l_quantity, l_shipped, l_split, l_held_until, l_held, l_sequence, l_needed_by,
-- l_fresh_until, l_location, l_priority, l_late, l_handed_from, l_wanted, l_partial, l_may_wait, l_hold_for,
-- d_order_id, d_sku, d_line, d_part, e_sku, e_sequence, e_kind, e_at, e_batch_ref, e_purchased, e_allocated,
-- e_data, e_id, e_trace_parent, e_unsent_from, changed.
WITH p AS (
  UPDATE allocation_products SET version = $1, refused = $2, low_stock = $3, low = $4
  WHERE sku = $5 AND version = $6 RETURNING 1),
versions_match AS (SELECT 1 FROM p),
changed AS (
  UPDATE allocation_batches b SET purchased = b.purchased + x.purchased, allocated = b.allocated + x.allocated
  FROM unnest((SELECT CAST($7 AS text[])), (SELECT CAST($8 AS text[])), (SELECT CAST($9 AS bigint[])),
    (SELECT CAST($10 AS bigint[]))) x (ref, sku, purchased, allocated)
  WHERE b.ref = x.ref AND b.sku = x.sku AND x.allocated = x.allocated + 0
    AND EXISTS (SELECT 1 FROM versions_match) RETURNING 1),
removed AS (
  DELETE FROM allocation_lines l USING unnest((SELECT CAST($11 AS text[])), (SELECT CAST($12 AS text[])),
    (SELECT CAST($13 AS text[])), (SELECT CAST($14 AS int[]))) x (order_id, sku, line, part)
  WHERE l.order_id = x.order_id AND l.sku = x.sku AND l.line = x.line AND l.part >= x.part
    AND x.part = x.part + 0
    AND EXISTS (SELECT 1 FROM versions_match)),
new_lines AS (
  INSERT INTO allocation_lines (order_id, sku, line, part, batch_ref, quantity, shipped, split, held_until,
    held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial, may_wait,
    hold_for)
  SELECT * FROM unnest((SELECT CAST($15 AS text[])), (SELECT CAST($16 AS text[])),
    (SELECT CAST($17 AS text[])), (SELECT CAST($18 AS int[])), (SELECT CAST($19 AS text[])),
    (SELECT CAST($20 AS bigint[])), (SELECT CAST($21 AS bigint[])), (SELECT CAST($22 AS smallint[])),
    (SELECT CAST($23 AS bigint[])), (SELECT CAST($24 AS smallint[])), (SELECT CAST($25 AS bigint[])),
    (SELECT CAST($26 AS bigint[])), (SELECT CAST($27 AS bigint[])), (SELECT CAST($28 AS text[])),
    (SELECT CAST($29 AS smallint[])), (SELECT CAST($30 AS smallint[])), (SELECT CAST($31 AS text[])),
    (SELECT CAST($32 AS bigint[])), (SELECT CAST($33 AS smallint[])), (SELECT CAST($34 AS smallint[])),
    (SELECT CAST($35 AS bigint[]))) x (order_id, sku, line, part, batch_ref, quantity, shipped, split,
    held_until, held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial,
    may_wait, hold_for) WHERE EXISTS (SELECT 1 FROM versions_match)),
ended AS (
  DELETE FROM allocation_waiting l USING unnest((SELECT CAST($36 AS text[])), (SELECT CAST($37 AS text[])),
    (SELECT CAST($38 AS text[])), (SELECT CAST($39 AS int[]))) x (order_id, sku, line, part)
  WHERE l.order_id = x.order_id AND l.sku = x.sku AND l.line = x.line
    AND x.part = x.part + 0
    AND EXISTS (SELECT 1 FROM versions_match)),
events AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id,
    x.trace_parent, x.unsent_from, 6 FROM unnest((SELECT CAST($40 AS text[])), (SELECT CAST($41 AS bigint[])),
    (SELECT CAST($42 AS text[])), (SELECT CAST($43 AS bigint[])), (SELECT CAST($44 AS text[])),
    (SELECT CAST($45 AS bigint[])), (SELECT CAST($46 AS bigint[])), (SELECT CAST($47 AS text[])),
    (SELECT CAST($48 AS uuid[])), (SELECT CAST($49 AS text[])), (SELECT CAST($50 AS bigint[]))) x (sku,
    sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
  WHERE EXISTS (SELECT 1 FROM versions_match))
SELECT (SELECT COUNT(*) FROM versions_match),
  1 / CASE WHEN NOT EXISTS (SELECT 1 FROM versions_match) OR (SELECT COUNT(*)
    FROM changed) = CAST($51 AS bigint)
    THEN 1 ELSE 0 END
;

-- name: commit: serving of a product goes on
-- Sweep, if many wait.
-- Parameters: product_version, product_refused, product_low_stock, product_low, s_sku, s_serving_priority,
-- s_serving_sequence, product_sku, product_seen, b_ref, b_sku, b_purchased, b_allocated, l_order_id, l_sku,
-- l_line, l_part, l_batch_ref, l_quantity, l_shipped, l_split, l_held_until, l_held, l_sequence,
-- l_needed_by, l_fresh_until, l_location, l_priority, l_late, l_handed_from, l_wanted, l_partial,
-- l_may_wait, l_hold_for, d_order_id, d_sku, d_line, d_part, e_sku, e_sequence, e_kind, e_at, e_batch_ref,
-- e_purchased, e_allocated, e_data, e_id, e_trace_parent, e_unsent_from, changed.
WITH p AS (
  UPDATE allocation_products o SET version = $1, refused = $2, low_stock = $3, low = $4,
    serving_priority = x.serving_priority, serving_sequence = x.serving_sequence
  FROM unnest((SELECT CAST($5 AS text[])), (SELECT CAST($6 AS smallint[])),
    (SELECT CAST($7 AS bigint[]))) x (sku, serving_priority, serving_sequence)
  WHERE o.sku = $8 AND o.version = $9 AND x.sku = o.sku RETURNING 1),
versions_match AS (SELECT 1 FROM p),
changed AS (
  UPDATE allocation_batches b SET purchased = b.purchased + x.purchased, allocated = b.allocated + x.allocated
  FROM unnest((SELECT CAST($10 AS text[])), (SELECT CAST($11 AS text[])), (SELECT CAST($12 AS bigint[])),
    (SELECT CAST($13 AS bigint[]))) x (ref, sku, purchased, allocated)
  WHERE b.ref = x.ref AND b.sku = x.sku AND x.allocated = x.allocated + 0
    AND EXISTS (SELECT 1 FROM versions_match) RETURNING 1),
new_lines AS (
  INSERT INTO allocation_lines (order_id, sku, line, part, batch_ref, quantity, shipped, split, held_until,
    held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial, may_wait,
    hold_for)
  SELECT * FROM unnest((SELECT CAST($14 AS text[])), (SELECT CAST($15 AS text[])),
    (SELECT CAST($16 AS text[])), (SELECT CAST($17 AS int[])), (SELECT CAST($18 AS text[])),
    (SELECT CAST($19 AS bigint[])), (SELECT CAST($20 AS bigint[])), (SELECT CAST($21 AS smallint[])),
    (SELECT CAST($22 AS bigint[])), (SELECT CAST($23 AS smallint[])), (SELECT CAST($24 AS bigint[])),
    (SELECT CAST($25 AS bigint[])), (SELECT CAST($26 AS bigint[])), (SELECT CAST($27 AS text[])),
    (SELECT CAST($28 AS smallint[])), (SELECT CAST($29 AS smallint[])), (SELECT CAST($30 AS text[])),
    (SELECT CAST($31 AS bigint[])), (SELECT CAST($32 AS smallint[])), (SELECT CAST($33 AS smallint[])),
    (SELECT CAST($34 AS bigint[]))) x (order_id, sku, line, part, batch_ref, quantity, shipped, split,
    held_until, held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial,
    may_wait, hold_for) WHERE EXISTS (SELECT 1 FROM versions_match)),
ended AS (
  DELETE FROM allocation_waiting l USING unnest((SELECT CAST($35 AS text[])), (SELECT CAST($36 AS text[])),
    (SELECT CAST($37 AS text[])), (SELECT CAST($38 AS int[]))) x (order_id, sku, line, part)
  WHERE l.order_id = x.order_id AND l.sku = x.sku AND l.line = x.line
    AND x.part = x.part + 0
    AND EXISTS (SELECT 1 FROM versions_match)),
events AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id,
    x.trace_parent, x.unsent_from, 6 FROM unnest((SELECT CAST($39 AS text[])), (SELECT CAST($40 AS bigint[])),
    (SELECT CAST($41 AS text[])), (SELECT CAST($42 AS bigint[])), (SELECT CAST($43 AS text[])),
    (SELECT CAST($44 AS bigint[])), (SELECT CAST($45 AS bigint[])), (SELECT CAST($46 AS text[])),
    (SELECT CAST($47 AS uuid[])), (SELECT CAST($48 AS text[])), (SELECT CAST($49 AS bigint[]))) x (sku,
    sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
  WHERE EXISTS (SELECT 1 FROM versions_match))
SELECT (SELECT COUNT(*) FROM versions_match),
  1 / CASE WHEN NOT EXISTS (SELECT 1 FROM versions_match) OR (SELECT COUNT(*)
    FROM changed) = CAST($50 AS bigint)
    THEN 1 ELSE 0 END
;

-- name: commit: a new batch serves lines of a product
-- AddBatch, if many wait.
-- Parameters: product_version, product_refused, product_low_stock, product_low, s_sku, s_serving_priority,
-- s_serving_sequence, product_sku, product_seen, n_ref, n_sku, n_purchased, n_allocated, n_eta, n_location,
-- n_best_before, n_announced_quantity, n_announced_eta, n_lot, n_blocked, n_announced_blocked, n_split_from,
-- n_arrived_at, n_expired, n_due, n_dated, n_counted_at, n_counted_quantity, n_shipped_at, l_order_id,
-- l_sku, l_line, l_part, l_batch_ref, l_quantity, l_shipped, l_split, l_held_until, l_held, l_sequence,
-- l_needed_by, l_fresh_until, l_location, l_priority, l_late, l_handed_from, l_wanted, l_partial,
-- l_may_wait, l_hold_for, d_order_id, d_sku, d_line, d_part, e_sku, e_sequence, e_kind, e_at, e_batch_ref,
-- e_purchased, e_allocated, e_data, e_id, e_trace_parent, e_unsent_from.
WITH p AS (
  UPDATE allocation_products o SET version = $1, refused = $2, low_stock = $3, low = $4,
    serving_priority = x.serving_priority, serving_sequence = x.serving_sequence
  FROM unnest((SELECT CAST($5 AS text[])), (SELECT CAST($6 AS smallint[])),
    (SELECT CAST($7 AS bigint[]))) x (sku, serving_priority, serving_sequence)
  WHERE o.sku = $8 AND o.version = $9 AND x.sku = o.sku RETURNING 1),
versions_match AS (SELECT 1 FROM p),
new_batches AS (
  INSERT INTO allocation_batches (ref, sku, purchased, allocated, eta, location, best_before,
    announced_quantity, announced_eta, lot, blocked, announced_blocked, split_from, arrived_at, expired, due,
    dated, counted_at, counted_quantity, shipped_at)
  SELECT * FROM unnest((SELECT CAST($10 AS text[])), (SELECT CAST($11 AS text[])),
    (SELECT CAST($12 AS bigint[])), (SELECT CAST($13 AS bigint[])), (SELECT CAST($14 AS bigint[])),
    (SELECT CAST($15 AS text[])), (SELECT CAST($16 AS bigint[])), (SELECT CAST($17 AS bigint[])),
    (SELECT CAST($18 AS bigint[])), (SELECT CAST($19 AS text[])), (SELECT CAST($20 AS text[])),
    (SELECT CAST($21 AS text[])), (SELECT CAST($22 AS text[])), (SELECT CAST($23 AS bigint[])),
    (SELECT CAST($24 AS smallint[])), (SELECT CAST($25 AS bigint[])), (SELECT CAST($26 AS smallint[])),
    (SELECT CAST($27 AS bigint[])), (SELECT CAST($28 AS bigint[])), (SELECT CAST($29 AS bigint[]))) x (ref,
    sku, purchased, allocated, eta, location, best_before, announced_quantity, announced_eta, lot, blocked,
    announced_blocked, split_from, arrived_at, expired, due, dated, counted_at, counted_quantity,
    shipped_at) WHERE EXISTS (SELECT 1 FROM versions_match)),
new_lines AS (
  INSERT INTO allocation_lines (order_id, sku, line, part, batch_ref, quantity, shipped, split, held_until,
    held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial, may_wait,
    hold_for)
  SELECT * FROM unnest((SELECT CAST($30 AS text[])), (SELECT CAST($31 AS text[])),
    (SELECT CAST($32 AS text[])), (SELECT CAST($33 AS int[])), (SELECT CAST($34 AS text[])),
    (SELECT CAST($35 AS bigint[])), (SELECT CAST($36 AS bigint[])), (SELECT CAST($37 AS smallint[])),
    (SELECT CAST($38 AS bigint[])), (SELECT CAST($39 AS smallint[])), (SELECT CAST($40 AS bigint[])),
    (SELECT CAST($41 AS bigint[])), (SELECT CAST($42 AS bigint[])), (SELECT CAST($43 AS text[])),
    (SELECT CAST($44 AS smallint[])), (SELECT CAST($45 AS smallint[])), (SELECT CAST($46 AS text[])),
    (SELECT CAST($47 AS bigint[])), (SELECT CAST($48 AS smallint[])), (SELECT CAST($49 AS smallint[])),
    (SELECT CAST($50 AS bigint[]))) x (order_id, sku, line, part, batch_ref, quantity, shipped, split,
    held_until, held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial,
    may_wait, hold_for) WHERE EXISTS (SELECT 1 FROM versions_match)),
ended AS (
  DELETE FROM allocation_waiting l USING unnest((SELECT CAST($51 AS text[])), (SELECT CAST($52 AS text[])),
    (SELECT CAST($53 AS text[])), (SELECT CAST($54 AS int[]))) x (order_id, sku, line, part)
  WHERE l.order_id = x.order_id AND l.sku = x.sku AND l.line = x.line
    AND x.part = x.part + 0
    AND EXISTS (SELECT 1 FROM versions_match)),
events AS (
  INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
    trace_parent, unsent_from, written_for)
  SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id,
    x.trace_parent, x.unsent_from, 6 FROM unnest((SELECT CAST($55 AS text[])), (SELECT CAST($56 AS bigint[])),
    (SELECT CAST($57 AS text[])), (SELECT CAST($58 AS bigint[])), (SELECT CAST($59 AS text[])),
    (SELECT CAST($60 AS bigint[])), (SELECT CAST($61 AS bigint[])), (SELECT CAST($62 AS text[])),
    (SELECT CAST($63 AS uuid[])), (SELECT CAST($64 AS text[])), (SELECT CAST($65 AS bigint[]))) x (sku,
    sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
  WHERE EXISTS (SELECT 1 FROM versions_match))
SELECT (SELECT COUNT(*) FROM versions_match), 1
;

-- name: part: one product
-- A part of commits that change one product and check no other.
-- Parameters: product_version, product_refused, product_low_stock, product_low, product_sku, product_seen.
p AS (
  UPDATE allocation_products SET version = $1, refused = $2, low_stock = $3, low = $4
  WHERE sku = $5 AND version = $6 RETURNING 1),
versions_match AS (SELECT 1 FROM p)
;

-- name: part: one product and its serving
-- A part of commits that change where serving of one product goes on.
-- Parameters: product_version, product_refused, product_low_stock, product_low, s_sku, s_serving_priority,
-- s_serving_sequence, product_sku, product_seen.
p AS (
  UPDATE allocation_products o SET version = $1, refused = $2, low_stock = $3, low = $4,
    serving_priority = x.serving_priority, serving_sequence = x.serving_sequence
  FROM unnest((SELECT CAST($5 AS text[])), (SELECT CAST($6 AS smallint[])),
    (SELECT CAST($7 AS bigint[]))) x (sku, serving_priority, serving_sequence)
  WHERE o.sku = $8 AND o.version = $9 AND x.sku = o.sku RETURNING 1),
versions_match AS (SELECT 1 FROM p)
;

-- name: part: lock products
-- A part of commits of several products, or of a new one.
-- Parameters: p_sku, p_seen, p_version, p_refused, p_low_stock, p_low.
p AS MATERIALIZED (
  SELECT * FROM unnest((SELECT CAST($1 AS text[])), (SELECT CAST($2 AS bigint[])),
    (SELECT CAST($3 AS bigint[])), (SELECT CAST($4 AS bigint[])), (SELECT CAST($5 AS bigint[])),
    (SELECT CAST($6 AS smallint[]))) x (sku, seen, version, refused, low_stock, low) WHERE x.seen = x.seen + 0),
named AS MATERIALIZED (
  SELECT o.sku, o.version FROM allocation_products o
  WHERE o.sku = ANY (ARRAY(SELECT x.sku FROM unnest((SELECT CAST($1 AS text[]))) x (sku)))
  ORDER BY o.sku FOR NO KEY UPDATE),
locked AS MATERIALIZED (
  SELECT o.sku FROM p JOIN named o ON o.sku = p.sku AND o.version = p.seen)
;

-- name: part: all locked
-- A part of commits of several products, none of them new.
versions_match AS (
SELECT 1 WHERE (SELECT COUNT(*) FROM locked) = (SELECT COUNT(*) FROM p))
;

-- name: part: add products
-- A part of commits with a new product.
new_ok AS (
  SELECT 1 WHERE (SELECT COUNT(*) FROM locked) = (SELECT COUNT(*) FROM p WHERE p.seen > 0)
    AND NOT EXISTS (SELECT 1 FROM p JOIN allocation_products o ON o.sku = p.sku WHERE p.seen = 0)),
added AS (
  INSERT INTO allocation_products (sku, version, refused, low_stock, low)
  SELECT p.sku, p.version, p.refused, p.low_stock, p.low FROM p
  WHERE p.seen = 0 AND p.version > 0 AND EXISTS (SELECT 1 FROM new_ok) ORDER BY p.sku RETURNING 1),
versions_match AS (SELECT 1 FROM new_ok WHERE (SELECT COUNT(*) FROM added) >= 0)
;

-- name: part: add products and their serving
-- A part of commits with a new product and where serving goes on.
-- Parameters: s_sku, s_serving_priority, s_serving_sequence.
new_ok AS (
  SELECT 1 WHERE (SELECT COUNT(*) FROM locked) = (SELECT COUNT(*) FROM p WHERE p.seen > 0)
    AND NOT EXISTS (SELECT 1 FROM p JOIN allocation_products o ON o.sku = p.sku WHERE p.seen = 0)),
added AS (
  INSERT INTO allocation_products (sku, version, refused, low_stock, low, serving_priority, serving_sequence)
  SELECT p.sku, p.version, p.refused, p.low_stock, p.low, COALESCE(x.serving_priority, 0),
    COALESCE(x.serving_sequence, 0) FROM p LEFT JOIN unnest((SELECT CAST($1 AS text[])),
    (SELECT CAST($2 AS smallint[])), (SELECT CAST($3 AS bigint[]))) x (sku, serving_priority,
    serving_sequence) ON x.sku = p.sku
  WHERE p.seen = 0 AND p.version > 0 AND EXISTS (SELECT 1 FROM new_ok) ORDER BY p.sku RETURNING 1),
versions_match AS (SELECT 1 FROM new_ok WHERE (SELECT COUNT(*) FROM added) >= 0)
;

-- name: part: change products
-- A part of commits of several products, or of a new one.
moved AS (
UPDATE allocation_products o SET version = p.version, refused = p.refused, low_stock = p.low_stock,
  low = p.low
FROM p WHERE o.sku = p.sku AND o.version = p.seen AND p.version > p.seen AND EXISTS (SELECT 1
  FROM versions_match))
;

-- name: part: change products and their serving
-- A part of commits of several products, and where serving of some goes on.
-- Parameters: s_sku, s_serving_priority, s_serving_sequence.
moved AS (
UPDATE allocation_products o SET version = p.version, refused = p.refused, low_stock = p.low_stock,
  low = p.low,
  serving_priority = COALESCE(x.serving_priority, o.serving_priority),
  serving_sequence = COALESCE(x.serving_sequence, o.serving_sequence)
FROM p LEFT JOIN unnest((SELECT CAST($1 AS text[])), (SELECT CAST($2 AS smallint[])),
  (SELECT CAST($3 AS bigint[]))) x (sku, serving_priority, serving_sequence) ON x.sku = p.sku
WHERE o.sku = p.sku AND o.version = p.seen AND p.version > p.seen AND EXISTS (SELECT 1 FROM versions_match))
;

-- name: part: add batches
-- A part of commits with a new batch.
-- Parameters: n_ref, n_sku, n_purchased, n_allocated, n_eta, n_location, n_best_before,
-- n_announced_quantity, n_announced_eta, n_lot, n_blocked, n_announced_blocked, n_split_from, n_arrived_at,
-- n_expired, n_due, n_dated, n_counted_at, n_counted_quantity, n_shipped_at.
new_batches AS (
INSERT INTO allocation_batches (ref, sku, purchased, allocated, eta, location, best_before,
  announced_quantity, announced_eta, lot, blocked, announced_blocked, split_from, arrived_at, expired, due,
  dated, counted_at, counted_quantity, shipped_at)
SELECT * FROM unnest((SELECT CAST($1 AS text[])), (SELECT CAST($2 AS text[])), (SELECT CAST($3 AS bigint[])),
  (SELECT CAST($4 AS bigint[])), (SELECT CAST($5 AS bigint[])), (SELECT CAST($6 AS text[])),
  (SELECT CAST($7 AS bigint[])), (SELECT CAST($8 AS bigint[])), (SELECT CAST($9 AS bigint[])),
  (SELECT CAST($10 AS text[])), (SELECT CAST($11 AS text[])), (SELECT CAST($12 AS text[])),
  (SELECT CAST($13 AS text[])), (SELECT CAST($14 AS bigint[])), (SELECT CAST($15 AS smallint[])),
  (SELECT CAST($16 AS bigint[])), (SELECT CAST($17 AS smallint[])), (SELECT CAST($18 AS bigint[])),
  (SELECT CAST($19 AS bigint[])), (SELECT CAST($20 AS bigint[]))) x (ref, sku, purchased, allocated, eta,
  location, best_before, announced_quantity, announced_eta, lot, blocked, announced_blocked, split_from,
  arrived_at, expired, due, dated, counted_at, counted_quantity, shipped_at) WHERE EXISTS (SELECT 1
  FROM versions_match))
;

-- name: part: change batches
-- A part of commits that change more of a batch than the counters.
-- Parameters: b_ref, b_sku, b_purchased, b_allocated, b_eta, b_arrived_at, b_blocked, b_expired, b_due,
-- b_dated, b_counted_at, b_counted_quantity, b_shipped_at.
changed AS (
UPDATE allocation_batches b SET purchased = b.purchased + x.purchased, allocated = b.allocated + x.allocated,
  eta = x.eta, arrived_at = x.arrived_at, blocked = x.blocked, expired = x.expired, due = x.due,
  dated = x.dated, counted_at = x.counted_at, counted_quantity = x.counted_quantity, shipped_at = x.shipped_at
FROM unnest((SELECT CAST($1 AS text[])), (SELECT CAST($2 AS text[])), (SELECT CAST($3 AS bigint[])),
  (SELECT CAST($4 AS bigint[])), (SELECT CAST($5 AS bigint[])), (SELECT CAST($6 AS bigint[])),
  (SELECT CAST($7 AS text[])), (SELECT CAST($8 AS smallint[])), (SELECT CAST($9 AS bigint[])),
  (SELECT CAST($10 AS smallint[])), (SELECT CAST($11 AS bigint[])), (SELECT CAST($12 AS bigint[])),
  (SELECT CAST($13 AS bigint[]))) x (ref, sku, purchased, allocated, eta, arrived_at, blocked, expired, due,
  dated, counted_at, counted_quantity, shipped_at)
WHERE b.ref = x.ref AND b.sku = x.sku AND x.allocated = x.allocated + 0
  AND EXISTS (SELECT 1 FROM versions_match) RETURNING 1)
;

-- name: part: change counters
-- A part of commits that change the counters of batches alone.
-- Parameters: b_ref, b_sku, b_purchased, b_allocated.
changed AS (
UPDATE allocation_batches b SET purchased = b.purchased + x.purchased, allocated = b.allocated + x.allocated
FROM unnest((SELECT CAST($1 AS text[])), (SELECT CAST($2 AS text[])), (SELECT CAST($3 AS bigint[])),
  (SELECT CAST($4 AS bigint[]))) x (ref, sku, purchased, allocated)
WHERE b.ref = x.ref AND b.sku = x.sku AND x.allocated = x.allocated + 0
  AND EXISTS (SELECT 1 FROM versions_match) RETURNING 1)
;

-- name: part: remove lines
-- A part of commits that remove lines, or write lines anew with fewer parts.
-- Parameters: r_order_id, r_sku, r_line, r_part.
removed AS (
DELETE FROM allocation_lines l USING unnest((SELECT CAST($1 AS text[])), (SELECT CAST($2 AS text[])),
  (SELECT CAST($3 AS text[])), (SELECT CAST($4 AS int[]))) x (order_id, sku, line, part)
WHERE l.order_id = x.order_id AND l.sku = x.sku AND l.line = x.line AND l.part >= x.part
  AND x.part = x.part + 0
  AND EXISTS (SELECT 1 FROM versions_match))
;

-- name: part: add lines
-- A part of commits with a new line that has terms, a hold or several batches.
-- Parameters: l_order_id, l_sku, l_line, l_part, l_batch_ref, l_quantity, l_shipped, l_split, l_held_until,
-- l_held, l_sequence, l_needed_by, l_fresh_until, l_location, l_priority, l_late, l_handed_from, l_wanted,
-- l_partial, l_may_wait, l_hold_for.
new_lines AS (
INSERT INTO allocation_lines (order_id, sku, line, part, batch_ref, quantity, shipped, split, held_until,
  held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial, may_wait,
  hold_for)
SELECT * FROM unnest((SELECT CAST($1 AS text[])), (SELECT CAST($2 AS text[])), (SELECT CAST($3 AS text[])),
  (SELECT CAST($4 AS int[])), (SELECT CAST($5 AS text[])), (SELECT CAST($6 AS bigint[])),
  (SELECT CAST($7 AS bigint[])), (SELECT CAST($8 AS smallint[])), (SELECT CAST($9 AS bigint[])),
  (SELECT CAST($10 AS smallint[])), (SELECT CAST($11 AS bigint[])), (SELECT CAST($12 AS bigint[])),
  (SELECT CAST($13 AS bigint[])), (SELECT CAST($14 AS text[])), (SELECT CAST($15 AS smallint[])),
  (SELECT CAST($16 AS smallint[])), (SELECT CAST($17 AS text[])), (SELECT CAST($18 AS bigint[])),
  (SELECT CAST($19 AS smallint[])), (SELECT CAST($20 AS smallint[])),
  (SELECT CAST($21 AS bigint[]))) x (order_id, sku, line, part, batch_ref, quantity, shipped, split,
  held_until, held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial,
  may_wait, hold_for) WHERE EXISTS (SELECT 1 FROM versions_match))
;

-- name: part: add plain lines
-- A part of commits with firm new lines without terms, each from one batch.
-- Parameters: l_order_id, l_sku, l_batch_ref, l_quantity, l_sequence.
new_lines AS (
INSERT INTO allocation_lines (order_id, sku, part, batch_ref, quantity, shipped, split, sequence)
SELECT x.order_id, x.sku, 0, x.batch_ref, x.quantity, 0, 0, x.sequence
  FROM unnest((SELECT CAST($1 AS text[])), (SELECT CAST($2 AS text[])), (SELECT CAST($3 AS text[])),
  (SELECT CAST($4 AS bigint[])), (SELECT CAST($5 AS bigint[]))) x (order_id, sku, batch_ref, quantity, sequence)
WHERE EXISTS (SELECT 1 FROM versions_match))
;

-- name: part: write lines anew
-- A part of commits that change lines.
-- Parameters: u_order_id, u_sku, u_line, u_part, u_batch_ref, u_quantity, u_shipped, u_split, u_held_until,
-- u_held, u_sequence, u_needed_by, u_fresh_until, u_location, u_priority, u_late, u_handed_from, u_wanted,
-- u_partial, u_may_wait, u_hold_for.
upsert_lines AS (
INSERT INTO allocation_lines (order_id, sku, line, part, batch_ref, quantity, shipped, split, held_until,
  held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial, may_wait,
  hold_for)
SELECT * FROM unnest((SELECT CAST($1 AS text[])), (SELECT CAST($2 AS text[])), (SELECT CAST($3 AS text[])),
  (SELECT CAST($4 AS int[])), (SELECT CAST($5 AS text[])), (SELECT CAST($6 AS bigint[])),
  (SELECT CAST($7 AS bigint[])), (SELECT CAST($8 AS smallint[])), (SELECT CAST($9 AS bigint[])),
  (SELECT CAST($10 AS smallint[])), (SELECT CAST($11 AS bigint[])), (SELECT CAST($12 AS bigint[])),
  (SELECT CAST($13 AS bigint[])), (SELECT CAST($14 AS text[])), (SELECT CAST($15 AS smallint[])),
  (SELECT CAST($16 AS smallint[])), (SELECT CAST($17 AS text[])), (SELECT CAST($18 AS bigint[])),
  (SELECT CAST($19 AS smallint[])), (SELECT CAST($20 AS smallint[])),
  (SELECT CAST($21 AS bigint[]))) x (order_id, sku, line, part, batch_ref, quantity, shipped, split,
  held_until, held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial,
  may_wait, hold_for) WHERE EXISTS (SELECT 1 FROM versions_match)
ON CONFLICT (order_id, sku, line, part) DO UPDATE SET batch_ref = excluded.batch_ref,
  quantity = excluded.quantity, shipped = excluded.shipped, split = excluded.split,
  held_until = excluded.held_until, held = excluded.held, sequence = excluded.sequence,
  needed_by = excluded.needed_by, fresh_until = excluded.fresh_until, location = excluded.location,
  priority = excluded.priority, late = excluded.late, handed_from = excluded.handed_from,
  wanted = excluded.wanted, partial = excluded.partial, may_wait = excluded.may_wait,
  hold_for = excluded.hold_for)
;

-- name: part: begin to wait
-- A part of commits with a line that begins to wait.
-- Parameters: w_order_id, w_sku, w_line, w_quantity, w_wanted, w_split, w_partial, w_hold_for, w_needed_by,
-- w_fresh_until, w_location, w_priority, w_handed_from, w_sequence.
new_waiting AS (
INSERT INTO allocation_waiting (order_id, sku, line, quantity, wanted, split, partial, hold_for, needed_by,
  fresh_until, location, priority, handed_from, sequence)
SELECT * FROM unnest((SELECT CAST($1 AS text[])), (SELECT CAST($2 AS text[])), (SELECT CAST($3 AS text[])),
  (SELECT CAST($4 AS bigint[])), (SELECT CAST($5 AS bigint[])), (SELECT CAST($6 AS smallint[])),
  (SELECT CAST($7 AS smallint[])), (SELECT CAST($8 AS bigint[])), (SELECT CAST($9 AS bigint[])),
  (SELECT CAST($10 AS bigint[])), (SELECT CAST($11 AS text[])), (SELECT CAST($12 AS smallint[])),
  (SELECT CAST($13 AS text[])), (SELECT CAST($14 AS bigint[]))) x (order_id, sku, line, quantity, wanted,
  split, partial, hold_for, needed_by, fresh_until, location, priority, handed_from, sequence)
  WHERE EXISTS (SELECT 1 FROM versions_match))
;

-- name: part: wait for others
-- A part of commits with a line that waits for other units.
-- Parameters: v_order_id, v_sku, v_line, v_quantity, v_wanted, v_split, v_partial, v_hold_for, v_needed_by,
-- v_fresh_until, v_location, v_priority, v_handed_from, v_sequence.
upsert_waiting AS (
INSERT INTO allocation_waiting (order_id, sku, line, quantity, wanted, split, partial, hold_for, needed_by,
  fresh_until, location, priority, handed_from, sequence)
SELECT * FROM unnest((SELECT CAST($1 AS text[])), (SELECT CAST($2 AS text[])), (SELECT CAST($3 AS text[])),
  (SELECT CAST($4 AS bigint[])), (SELECT CAST($5 AS bigint[])), (SELECT CAST($6 AS smallint[])),
  (SELECT CAST($7 AS smallint[])), (SELECT CAST($8 AS bigint[])), (SELECT CAST($9 AS bigint[])),
  (SELECT CAST($10 AS bigint[])), (SELECT CAST($11 AS text[])), (SELECT CAST($12 AS smallint[])),
  (SELECT CAST($13 AS text[])), (SELECT CAST($14 AS bigint[]))) x (order_id, sku, line, quantity, wanted,
  split, partial, hold_for, needed_by, fresh_until, location, priority, handed_from, sequence)
  WHERE EXISTS (SELECT 1 FROM versions_match)
ON CONFLICT (order_id, sku, line) DO UPDATE SET order_id = excluded.order_id, sku = excluded.sku,
  line = excluded.line, quantity = excluded.quantity, wanted = excluded.wanted, split = excluded.split,
  partial = excluded.partial, hold_for = excluded.hold_for, needed_by = excluded.needed_by,
  fresh_until = excluded.fresh_until, location = excluded.location, priority = excluded.priority,
  handed_from = excluded.handed_from, sequence = excluded.sequence)
;

-- name: part: wait no longer
-- A part of commits with a line that waits no longer.
-- Parameters: d_order_id, d_sku, d_line, d_part.
ended AS (
DELETE FROM allocation_waiting l USING unnest((SELECT CAST($1 AS text[])), (SELECT CAST($2 AS text[])),
  (SELECT CAST($3 AS text[])), (SELECT CAST($4 AS int[]))) x (order_id, sku, line, part)
WHERE l.order_id = x.order_id AND l.sku = x.sku AND l.line = x.line
  AND x.part = x.part + 0
  AND EXISTS (SELECT 1 FROM versions_match))
;

-- name: part: add events
-- A part of commits that change anything.
-- Parameters: e_sku, e_sequence, e_kind, e_at, e_batch_ref, e_purchased, e_allocated, e_data, e_id,
-- e_trace_parent, e_unsent_from.
events AS (
INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
  trace_parent, unsent_from, written_for)
SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id, x.trace_parent,
  x.unsent_from, 6 FROM unnest((SELECT CAST($1 AS text[])), (SELECT CAST($2 AS bigint[])),
  (SELECT CAST($3 AS text[])), (SELECT CAST($4 AS bigint[])), (SELECT CAST($5 AS text[])),
  (SELECT CAST($6 AS bigint[])), (SELECT CAST($7 AS bigint[])), (SELECT CAST($8 AS text[])),
  (SELECT CAST($9 AS uuid[])), (SELECT CAST($10 AS text[])), (SELECT CAST($11 AS bigint[]))) x (sku, sequence,
  kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
WHERE EXISTS (SELECT 1 FROM versions_match))
;

-- name: part: end
-- Ends a commit that changes no batch.
SELECT (SELECT COUNT(*) FROM versions_match), 1
;

-- name: part: end with a check
-- Ends a commit that changes batches, and fails if one is missing.
-- Parameters: changed.
SELECT (SELECT COUNT(*) FROM versions_match),
1 / CASE WHEN NOT EXISTS (SELECT 1 FROM versions_match) OR (SELECT COUNT(*) FROM changed) = CAST($1 AS bigint)
  THEN 1 ELSE 0 END
;

-- name: guests: savepoint
-- Begins a commit with guests inside a transaction.
SAVEPOINT allocation_guests
;

-- name: guests: back to the savepoint
-- Undoes a commit inside a transaction after guests failed.
ROLLBACK TO SAVEPOINT allocation_guests
;

-- name: guest: savepoint
-- Begins a guest after guests failed, to find out which.
SAVEPOINT allocation_guest
;

-- name: guest: back to the savepoint
-- Undoes a guest that failed.
ROLLBACK TO SAVEPOINT allocation_guest
;

-- name: repeated: lines of a batch of a lot
-- The part that is repeated for each batch in LotLines, with UNION ALL between.
-- Parameters: sku0, batch0, page.
SELECT * FROM (
  SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
  FROM allocation_lines l
  WHERE l.sku = $1 AND l.batch_ref = $2 AND l.open = 1
  ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT $3) arm
UNION ALL
SELECT * FROM (
  SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
  FROM allocation_lines l
  WHERE l.sku = $1 AND l.batch_ref = $2 AND l.open = 0
  ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT $3) arm
;

-- name: repeated: events of a product
-- The part that is repeated for each product in Entries, with UNION ALL between.
-- Parameters: sku0, after0, page.
SELECT * FROM (
SELECT e.sku, e.sequence, e.kind, e.data FROM allocation_events e
WHERE e.sku = $1 AND e.sequence > $2
ORDER BY e.sequence LIMIT $3) arm
;

-- name: migration: lock 1
-- Keeps other processes from migrating at the same time: Migrate.
BEGIN
;

-- name: migration: lock 2
-- Keeps other processes from migrating at the same time: Migrate.
SELECT pg_advisory_xact_lock(4702394921427284854)
;

-- name: migration: unlock
-- Ends a migration: Migrate.
COMMIT
;

-- name: migration: undo
-- Ends a migration after an error: Migrate.
ROLLBACK
;

-- name: schema: is there a version
-- Looks for the table of versions: Migrate, CheckSchema, and any method that misses a table.
-- Parameters: qualified.
SELECT COUNT(*) FROM pg_class WHERE oid = to_regclass(CAST($1 AS text))
;

-- name: schema: version
-- Reads the version of the tables: Migrate, CheckSchema, and any method that misses a table.
SELECT COALESCE(MAX(version), 0) FROM allocation_schema_version
;

-- name: schema: database
-- Names the database in an error about missing tables.
SELECT current_database()
;

-- name: schema: sessions
-- Finds out whether a pooler gives a connection another session: CheckSchema.
SELECT pg_backend_pid(), CASE WHEN CAST('now' AS timestamptz) = now() THEN 1 ELSE 0 END,
CAST($1 AS bigint) /* a random word */
;
