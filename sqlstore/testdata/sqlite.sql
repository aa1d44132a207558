-- The statements of package sqlstore on sqlite, with the default table prefix.
-- This file is written by go test ./sqlstore -update. The parts of composed statements stand at the end.

-- name: load by SKU
-- Reads products by their SKUs, with the lines of some orders. On MariaDB: more than 50 products.
-- Parameters: skus, orders, now, more.
WITH chosen (sku) AS (SELECT DISTINCT value FROM (SELECT value FROM json_each(?)) k),
wanted (sku, order_id) AS (
  SELECT l.sku, l.order_id FROM (SELECT value FROM json_each(?)) o CROSS JOIN allocation_lines l
    WHERE l.order_id = o.value AND l.part = 0 AND l.sku IN (SELECT sku FROM chosen)
  UNION
  SELECT w.sku, w.order_id FROM (SELECT value FROM json_each(?2)) o CROSS JOIN allocation_waiting w
    WHERE w.order_id = o.value AND w.sku IN (SELECT sku FROM chosen)
  UNION
  SELECT c.sku, first.value FROM chosen c CROSS JOIN json_each((
    SELECT json_group_array(order_id) FROM (
      SELECT l.order_id FROM allocation_lines l INDEXED BY allocation_lines_held
      WHERE l.sku = c.sku AND l.part = 0 AND l.held_until <= ? + 0
      ORDER BY l.held_until, l.order_id LIMIT ?))) first),
shown (ref) AS (
  SELECT b.ref FROM chosen c CROSS JOIN allocation_batches b INDEXED BY allocation_batches_for_sale
    WHERE b.sku = c.sku AND b.open = 1 AND b.blocked = '' AND b.expired = 0
  UNION
  SELECT l.batch_ref FROM wanted w CROSS JOIN allocation_lines l WHERE l.order_id = w.order_id
    AND l.sku = w.sku)
SELECT 0, p.sku, '', '', '', '', '', '', p.version, p.refused, p.low_stock, p.low, p.serving_priority,
  p.serving_sequence, CASE WHEN EXISTS (SELECT 1
  FROM allocation_waiting w INDEXED BY allocation_waiting_served WHERE w.sku = p.sku) THEN 1 ELSE 0 END, 0, 0, (
  SELECT l.held_until FROM allocation_lines l INDEXED BY allocation_lines_held
  WHERE l.sku = p.sku AND l.part = 0 AND l.held_until > ?3 + 0
    ORDER BY l.held_until LIMIT 1), NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM chosen c CROSS JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT 1, b.sku, b.ref, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, 0, 0, 0, 0, b.eta, b.best_before, b.announced_eta,
  b.arrived_at, b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM shown s CROSS JOIN allocation_batches b WHERE b.ref = s.ref
UNION ALL
SELECT 2, l.sku, l.order_id, l.line, l.batch_ref, l.location, l.handed_from, '', l.part, l.quantity,
  l.shipped, l.split, l.sequence, l.priority, l.late, l.partial, l.may_wait, l.held_until, l.needed_by,
  l.fresh_until, l.wanted, l.hold_for, NULL, NULL, NULL
FROM wanted w CROSS JOIN allocation_lines l WHERE l.order_id = w.order_id AND l.sku = w.sku
UNION ALL
SELECT 3, q.sku, q.order_id, q.line, q.location, q.handed_from, '', '', q.quantity, q.wanted, q.split,
  q.partial, q.priority, q.sequence, 0, 0, 0, q.hold_for, q.needed_by, q.fresh_until, NULL, NULL, NULL, NULL,
  NULL
FROM wanted w CROSS JOIN allocation_waiting q WHERE q.order_id = w.order_id AND q.sku = w.sku
;

-- name: load by order
-- Reads all products of an order: Cancel, Confirm, Extend and Ship without SKUs.
-- Parameters: order, orders, now, more.
WITH chosen (sku) AS (SELECT sku FROM allocation_lines WHERE order_id = ? AND part = 0
  UNION SELECT sku FROM allocation_waiting WHERE order_id = ?1),
wanted (sku, order_id) AS (
  SELECT l.sku, l.order_id FROM (SELECT value FROM json_each(?)) o CROSS JOIN allocation_lines l
    WHERE l.order_id = o.value AND l.part = 0 AND l.sku IN (SELECT sku FROM chosen)
  UNION
  SELECT w.sku, w.order_id FROM (SELECT value FROM json_each(?2)) o CROSS JOIN allocation_waiting w
    WHERE w.order_id = o.value AND w.sku IN (SELECT sku FROM chosen)
  UNION
  SELECT c.sku, first.value FROM chosen c CROSS JOIN json_each((
    SELECT json_group_array(order_id) FROM (
      SELECT l.order_id FROM allocation_lines l INDEXED BY allocation_lines_held
      WHERE l.sku = c.sku AND l.part = 0 AND l.held_until <= ? + 0
      ORDER BY l.held_until, l.order_id LIMIT ?))) first),
shown (ref) AS (
  SELECT b.ref FROM chosen c CROSS JOIN allocation_batches b INDEXED BY allocation_batches_for_sale
    WHERE b.sku = c.sku AND b.open = 1 AND b.blocked = '' AND b.expired = 0
  UNION
  SELECT l.batch_ref FROM wanted w CROSS JOIN allocation_lines l WHERE l.order_id = w.order_id
    AND l.sku = w.sku)
SELECT 0, p.sku, '', '', '', '', '', '', p.version, p.refused, p.low_stock, p.low, p.serving_priority,
  p.serving_sequence, CASE WHEN EXISTS (SELECT 1
  FROM allocation_waiting w INDEXED BY allocation_waiting_served WHERE w.sku = p.sku) THEN 1 ELSE 0 END, 0, 0, (
  SELECT l.held_until FROM allocation_lines l INDEXED BY allocation_lines_held
  WHERE l.sku = p.sku AND l.part = 0 AND l.held_until > ?3 + 0
    ORDER BY l.held_until LIMIT 1), NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM chosen c CROSS JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT 1, b.sku, b.ref, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, 0, 0, 0, 0, b.eta, b.best_before, b.announced_eta,
  b.arrived_at, b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM shown s CROSS JOIN allocation_batches b WHERE b.ref = s.ref
UNION ALL
SELECT 2, l.sku, l.order_id, l.line, l.batch_ref, l.location, l.handed_from, '', l.part, l.quantity,
  l.shipped, l.split, l.sequence, l.priority, l.late, l.partial, l.may_wait, l.held_until, l.needed_by,
  l.fresh_until, l.wanted, l.hold_for, NULL, NULL, NULL
FROM wanted w CROSS JOIN allocation_lines l WHERE l.order_id = w.order_id AND l.sku = w.sku
UNION ALL
SELECT 3, q.sku, q.order_id, q.line, q.location, q.handed_from, '', '', q.quantity, q.wanted, q.split,
  q.partial, q.priority, q.sequence, 0, 0, 0, q.hold_for, q.needed_by, q.fresh_until, NULL, NULL, NULL, NULL,
  NULL
FROM wanted w CROSS JOIN allocation_waiting q WHERE q.order_id = w.order_id AND q.sku = w.sku
;

-- name: load by batch
-- Reads the product of a batch with a page of the newest lines: ReceiveBatch, ChangeBatchQuantity and others.
-- Parameters: batch, orders, now, more.
WITH chosen (sku) AS (SELECT sku FROM allocation_batches WHERE ref = ?),
wanted (sku, order_id) AS (
  SELECT l.sku, l.order_id FROM (SELECT value FROM json_each(?)) o CROSS JOIN allocation_lines l
    WHERE l.order_id = o.value AND l.part = 0 AND l.sku IN (SELECT sku FROM chosen)
  UNION
  SELECT w.sku, w.order_id FROM (SELECT value FROM json_each(?2)) o CROSS JOIN allocation_waiting w
    WHERE w.order_id = o.value AND w.sku IN (SELECT sku FROM chosen)
  UNION
  SELECT c.sku, first.value FROM chosen c CROSS JOIN json_each((
    SELECT json_group_array(order_id) FROM (
      SELECT l.order_id FROM allocation_lines l INDEXED BY allocation_lines_held
      WHERE l.sku = c.sku AND l.part = 0 AND l.held_until <= ? + 0
      ORDER BY l.held_until, l.order_id LIMIT ?))) first
  UNION
  SELECT leaving.sku, leaving.order_id FROM (
    SELECT l.sku, l.order_id FROM allocation_lines l INDEXED BY allocation_lines_leaving
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = ?1) AND l.batch_ref = ?1 AND l.open = 1
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?4) leaving),
shown (ref) AS (
  SELECT b.ref FROM chosen c CROSS JOIN allocation_batches b INDEXED BY allocation_batches_for_sale
    WHERE b.sku = c.sku AND b.open = 1 AND b.blocked = '' AND b.expired = 0
  UNION
  SELECT l.batch_ref FROM wanted w CROSS JOIN allocation_lines l WHERE l.order_id = w.order_id
    AND l.sku = w.sku
  UNION
  SELECT ref FROM allocation_batches WHERE ref = ?1)
SELECT 0, p.sku, '', '', '', '', '', '', p.version, p.refused, p.low_stock, p.low, p.serving_priority,
  p.serving_sequence, CASE WHEN EXISTS (SELECT 1
  FROM allocation_waiting w INDEXED BY allocation_waiting_served WHERE w.sku = p.sku) THEN 1 ELSE 0 END, 0, 0, (
  SELECT l.held_until FROM allocation_lines l INDEXED BY allocation_lines_held
  WHERE l.sku = p.sku AND l.part = 0 AND l.held_until > ?3 + 0
    ORDER BY l.held_until LIMIT 1), NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM chosen c CROSS JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT 1, b.sku, b.ref, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, 0, 0, 0, 0, b.eta, b.best_before, b.announced_eta,
  b.arrived_at, b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM shown s CROSS JOIN allocation_batches b WHERE b.ref = s.ref
UNION ALL
SELECT 2, l.sku, l.order_id, l.line, l.batch_ref, l.location, l.handed_from, '', l.part, l.quantity,
  l.shipped, l.split, l.sequence, l.priority, l.late, l.partial, l.may_wait, l.held_until, l.needed_by,
  l.fresh_until, l.wanted, l.hold_for, NULL, NULL, NULL
FROM wanted w CROSS JOIN allocation_lines l WHERE l.order_id = w.order_id AND l.sku = w.sku
UNION ALL
SELECT 3, q.sku, q.order_id, q.line, q.location, q.handed_from, '', '', q.quantity, q.wanted, q.split,
  q.partial, q.priority, q.sequence, 0, 0, 0, q.hold_for, q.needed_by, q.fresh_until, NULL, NULL, NULL, NULL,
  NULL
FROM wanted w CROSS JOIN allocation_waiting q WHERE q.order_id = w.order_id AND q.sku = w.sku
;

-- name: load by SKU, with what is due
-- Reads a product with the batches that are due: Sweep. On MariaDB: more than 50 products.
-- Parameters: skus, orders, now, more, from, behind.
WITH chosen (sku) AS (SELECT DISTINCT value FROM (SELECT value FROM json_each(?)) k),
wanted (sku, order_id) AS (
  SELECT l.sku, l.order_id FROM (SELECT value FROM json_each(?)) o CROSS JOIN allocation_lines l
    WHERE l.order_id = o.value AND l.part = 0 AND l.sku IN (SELECT sku FROM chosen)
  UNION
  SELECT w.sku, w.order_id FROM (SELECT value FROM json_each(?2)) o CROSS JOIN allocation_waiting w
    WHERE w.order_id = o.value AND w.sku IN (SELECT sku FROM chosen)
  UNION
  SELECT c.sku, first.value FROM chosen c CROSS JOIN json_each((
    SELECT json_group_array(order_id) FROM (
      SELECT l.order_id FROM allocation_lines l INDEXED BY allocation_lines_held
      WHERE l.sku = c.sku AND l.part = 0 AND l.held_until <= ? + 0
      ORDER BY l.held_until, l.order_id LIMIT ?))) first),
shown (ref) AS (
  SELECT b.ref FROM chosen c CROSS JOIN allocation_batches b INDEXED BY allocation_batches_for_sale
    WHERE b.sku = c.sku AND b.open = 1 AND b.blocked = '' AND b.expired = 0
  UNION
  SELECT l.batch_ref FROM wanted w CROSS JOIN allocation_lines l WHERE l.order_id = w.order_id
    AND l.sku = w.sku
  UNION
  SELECT b.ref FROM chosen c CROSS JOIN allocation_batches b INDEXED BY allocation_batches_due_by_sku
    WHERE b.sku = c.sku AND b.due <= ?3 + 0)
SELECT 0, p.sku, '', '', '', '', '', '', p.version, p.refused, p.low_stock, p.low, p.serving_priority,
  p.serving_sequence, CASE WHEN EXISTS (SELECT 1
  FROM allocation_waiting w INDEXED BY allocation_waiting_served WHERE w.sku = p.sku) THEN 1 ELSE 0 END, 0, 0, (
  SELECT l.held_until FROM allocation_lines l INDEXED BY allocation_lines_held
  WHERE l.sku = p.sku AND l.part = 0 AND l.held_until > ?3 + 0
    ORDER BY l.held_until LIMIT 1), (SELECT MIN(w.needed_by)
    FROM allocation_waiting w INDEXED BY allocation_waiting_needed_by_sku
  WHERE w.sku = p.sku AND w.needed_by >= ? - 1 AND (w.needed_by > ?5 - 1 OR w.sku > ?)), NULL, NULL, NULL,
    NULL, NULL, NULL
FROM chosen c CROSS JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT 1, b.sku, b.ref, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, 0, 0, 0, 0, b.eta, b.best_before, b.announced_eta,
  b.arrived_at, b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM shown s CROSS JOIN allocation_batches b WHERE b.ref = s.ref
UNION ALL
SELECT 2, l.sku, l.order_id, l.line, l.batch_ref, l.location, l.handed_from, '', l.part, l.quantity,
  l.shipped, l.split, l.sequence, l.priority, l.late, l.partial, l.may_wait, l.held_until, l.needed_by,
  l.fresh_until, l.wanted, l.hold_for, NULL, NULL, NULL
FROM wanted w CROSS JOIN allocation_lines l WHERE l.order_id = w.order_id AND l.sku = w.sku
UNION ALL
SELECT 3, q.sku, q.order_id, q.line, q.location, q.handed_from, '', '', q.quantity, q.wanted, q.split,
  q.partial, q.priority, q.sequence, 0, 0, 0, q.hold_for, q.needed_by, q.fresh_until, NULL, NULL, NULL, NULL,
  NULL
FROM wanted w CROSS JOIN allocation_waiting q WHERE q.order_id = w.order_id AND q.sku = w.sku
;

-- name: load of what is due
-- Reads the products with the holds and batches that were due first: Sweep. On MariaDB: finds the products.
-- Parameters: now, from, behind, limit, orders, more.
WITH chosen (sku) AS (
  SELECT DISTINCT oldest.sku FROM (
    SELECT due.sku FROM (
      SELECT holds.moment, holds.sku FROM (
        SELECT l.held_until AS moment, l.sku FROM allocation_lines l INDEXED BY allocation_lines_lapsing
        WHERE l.part = 0 AND l.held_until <= ? + 0
          AND l.held_until >= ? + 0 AND (l.held_until > ?2 + 0 OR l.sku > ?)
        ORDER BY l.held_until, l.sku LIMIT ?) holds
      UNION ALL
      SELECT lots.moment, lots.sku FROM (
        SELECT b.due AS moment, b.sku FROM allocation_batches b INDEXED BY allocation_batches_due
        WHERE b.due <= ?1 + 0
          AND b.due >= ?2 + 0 AND (b.due > ?2 + 0 OR b.sku > ?3)
        ORDER BY b.due, b.sku LIMIT ?4) lots
      UNION ALL
      SELECT needed.moment, needed.sku FROM (
        SELECT w.needed_by + 1 AS moment, w.sku FROM allocation_waiting w INDEXED BY allocation_waiting_needed
        WHERE w.needed_by < ?1 + 0 AND w.needed_by >= ?2 - 1 AND (w.needed_by > ?2 - 1 OR w.sku > ?3)
        ORDER BY w.needed_by, w.sku LIMIT ?4) needed
      UNION ALL
      SELECT serving.moment, serving.sku FROM (
        SELECT -62135596800000000 AS moment, marked.sku
        FROM allocation_products marked INDEXED BY allocation_products_serving
        WHERE marked.serving_sequence > 0 AND -62135596800000000 >= ?2 + 0
          AND (-62135596800000000 > ?2 + 0 OR marked.sku > ?3)
        ORDER BY marked.sku LIMIT ?4) serving) due
    ORDER BY due.moment, due.sku LIMIT ?4) oldest),
wanted (sku, order_id) AS (
  SELECT l.sku, l.order_id FROM (SELECT value FROM json_each(?)) o CROSS JOIN allocation_lines l
    WHERE l.order_id = o.value AND l.part = 0 AND l.sku IN (SELECT sku FROM chosen)
  UNION
  SELECT w.sku, w.order_id FROM (SELECT value FROM json_each(?5)) o CROSS JOIN allocation_waiting w
    WHERE w.order_id = o.value AND w.sku IN (SELECT sku FROM chosen)
  UNION
  SELECT c.sku, first.value FROM chosen c CROSS JOIN json_each((
    SELECT json_group_array(order_id) FROM (
      SELECT l.order_id FROM allocation_lines l INDEXED BY allocation_lines_held
      WHERE l.sku = c.sku AND l.part = 0 AND l.held_until <= ?1 + 0
      ORDER BY l.held_until, l.order_id LIMIT ?))) first),
shown (ref) AS (
  SELECT b.ref FROM chosen c CROSS JOIN allocation_batches b INDEXED BY allocation_batches_for_sale
    WHERE b.sku = c.sku AND b.open = 1 AND b.blocked = '' AND b.expired = 0
  UNION
  SELECT l.batch_ref FROM wanted w CROSS JOIN allocation_lines l WHERE l.order_id = w.order_id
    AND l.sku = w.sku
  UNION
  SELECT b.ref FROM chosen c CROSS JOIN allocation_batches b INDEXED BY allocation_batches_due_by_sku
    WHERE b.sku = c.sku AND b.due <= ?1 + 0)
SELECT 0, p.sku, '', '', '', '', '', '', p.version, p.refused, p.low_stock, p.low, p.serving_priority,
  p.serving_sequence, CASE WHEN EXISTS (SELECT 1
  FROM allocation_waiting w INDEXED BY allocation_waiting_served WHERE w.sku = p.sku) THEN 1 ELSE 0 END, 0, 0, (
  SELECT l.held_until FROM allocation_lines l INDEXED BY allocation_lines_held
  WHERE l.sku = p.sku AND l.part = 0 AND l.held_until > ?1 + 0
    ORDER BY l.held_until LIMIT 1), (SELECT MIN(w.needed_by)
    FROM allocation_waiting w INDEXED BY allocation_waiting_needed_by_sku
  WHERE w.sku = p.sku AND w.needed_by >= ?2 - 1 AND (w.needed_by > ?2 - 1 OR w.sku > ?3)), NULL, NULL, NULL,
    NULL, NULL, NULL
FROM chosen c CROSS JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT 1, b.sku, b.ref, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, 0, 0, 0, 0, b.eta, b.best_before, b.announced_eta,
  b.arrived_at, b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM shown s CROSS JOIN allocation_batches b WHERE b.ref = s.ref
UNION ALL
SELECT 2, l.sku, l.order_id, l.line, l.batch_ref, l.location, l.handed_from, '', l.part, l.quantity,
  l.shipped, l.split, l.sequence, l.priority, l.late, l.partial, l.may_wait, l.held_until, l.needed_by,
  l.fresh_until, l.wanted, l.hold_for, NULL, NULL, NULL
FROM wanted w CROSS JOIN allocation_lines l WHERE l.order_id = w.order_id AND l.sku = w.sku
UNION ALL
SELECT 3, q.sku, q.order_id, q.line, q.location, q.handed_from, '', '', q.quantity, q.wanted, q.split,
  q.partial, q.priority, q.sequence, 0, 0, 0, q.hold_for, q.needed_by, q.fresh_until, NULL, NULL, NULL, NULL,
  NULL
FROM wanted w CROSS JOIN allocation_waiting q WHERE q.order_id = w.order_id AND q.sku = w.sku
;

-- name: load of those who wait
-- Reads a page of the lines of a product that wait: Cancel, AddBatch and others, if anybody waits.
-- Parameters: skus, orders, now, more, sku0, serving_priority, serving_sequence.
WITH chosen (sku) AS (SELECT value FROM (SELECT value FROM json_each(?)) k),
wanted (sku, order_id) AS (
  SELECT l.sku, l.order_id FROM (SELECT value FROM json_each(?)) o CROSS JOIN allocation_lines l
    WHERE l.order_id = o.value AND l.part = 0 AND l.sku IN (SELECT sku FROM chosen)
  UNION
  SELECT w.sku, w.order_id FROM (SELECT value FROM json_each(?2)) o CROSS JOIN allocation_waiting w
    WHERE w.order_id = o.value AND w.sku IN (SELECT sku FROM chosen)
  UNION
  SELECT c.sku, first.value FROM chosen c CROSS JOIN json_each((
    SELECT json_group_array(order_id) FROM (
      SELECT l.order_id FROM allocation_lines l INDEXED BY allocation_lines_held
      WHERE l.sku = c.sku AND l.part = 0 AND l.held_until <= ? + 0
      ORDER BY l.held_until, l.order_id LIMIT ?))) first
  UNION
  SELECT page.sku, page.order_id FROM (
    SELECT * FROM (SELECT w.sku, w.order_id, w.priority, w.sequence
      FROM allocation_waiting w INDEXED BY allocation_waiting_served
      WHERE w.sku = ? AND w.priority = ? AND w.sequence >= ?
      ORDER BY w.sequence LIMIT ?4) same
    UNION ALL
    SELECT * FROM (SELECT w.sku, w.order_id, w.priority, w.sequence
      FROM allocation_waiting w INDEXED BY allocation_waiting_served
      WHERE w.sku = ?5 AND w.priority < ?6
      ORDER BY w.priority DESC, w.sequence LIMIT ?4) lower
    ORDER BY priority DESC, sequence LIMIT ?4) page),
shown (ref) AS (
  SELECT b.ref FROM chosen c CROSS JOIN allocation_batches b INDEXED BY allocation_batches_for_sale
    WHERE b.sku = c.sku AND b.open = 1 AND b.blocked = '' AND b.expired = 0
  UNION
  SELECT l.batch_ref FROM wanted w CROSS JOIN allocation_lines l WHERE l.order_id = w.order_id
    AND l.sku = w.sku)
SELECT 0, p.sku, '', '', '', '', '', '', p.version, p.refused, p.low_stock, p.low, p.serving_priority,
  p.serving_sequence, CASE WHEN EXISTS (SELECT 1
  FROM allocation_waiting w INDEXED BY allocation_waiting_served WHERE w.sku = p.sku) THEN 1 ELSE 0 END, 0, 0, (
  SELECT l.held_until FROM allocation_lines l INDEXED BY allocation_lines_held
  WHERE l.sku = p.sku AND l.part = 0 AND l.held_until > ?3 + 0
    ORDER BY l.held_until LIMIT 1), NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM chosen c CROSS JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT 1, b.sku, b.ref, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, 0, 0, 0, 0, b.eta, b.best_before, b.announced_eta,
  b.arrived_at, b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM shown s CROSS JOIN allocation_batches b WHERE b.ref = s.ref
UNION ALL
SELECT 2, l.sku, l.order_id, l.line, l.batch_ref, l.location, l.handed_from, '', l.part, l.quantity,
  l.shipped, l.split, l.sequence, l.priority, l.late, l.partial, l.may_wait, l.held_until, l.needed_by,
  l.fresh_until, l.wanted, l.hold_for, NULL, NULL, NULL
FROM wanted w CROSS JOIN allocation_lines l WHERE l.order_id = w.order_id AND l.sku = w.sku
UNION ALL
SELECT 3, q.sku, q.order_id, q.line, q.location, q.handed_from, '', '', q.quantity, q.wanted, q.split,
  q.partial, q.priority, q.sequence, 0, 0, 0, q.hold_for, q.needed_by, q.fresh_until, NULL, NULL, NULL, NULL,
  NULL
FROM wanted w CROSS JOIN allocation_waiting q WHERE q.order_id = w.order_id AND q.sku = w.sku
;

-- name: load of those who wait no longer
-- Reads a page of the lines of a product that wait although NeededBy has passed: Sweep.
-- Parameters: skus, orders, now, more, sku0, from, behind.
WITH chosen (sku) AS (SELECT value FROM (SELECT value FROM json_each(?)) k),
wanted (sku, order_id) AS (
  SELECT l.sku, l.order_id FROM (SELECT value FROM json_each(?)) o CROSS JOIN allocation_lines l
    WHERE l.order_id = o.value AND l.part = 0 AND l.sku IN (SELECT sku FROM chosen)
  UNION
  SELECT w.sku, w.order_id FROM (SELECT value FROM json_each(?2)) o CROSS JOIN allocation_waiting w
    WHERE w.order_id = o.value AND w.sku IN (SELECT sku FROM chosen)
  UNION
  SELECT c.sku, first.value FROM chosen c CROSS JOIN json_each((
    SELECT json_group_array(order_id) FROM (
      SELECT l.order_id FROM allocation_lines l INDEXED BY allocation_lines_held
      WHERE l.sku = c.sku AND l.part = 0 AND l.held_until <= ? + 0
      ORDER BY l.held_until, l.order_id LIMIT ?))) first
  UNION
  SELECT page.sku, page.order_id FROM (
    SELECT w.sku, w.order_id FROM allocation_waiting w INDEXED BY allocation_waiting_needed_by_sku
    WHERE w.sku = ? AND w.needed_by < ?3 ORDER BY w.needed_by, w.order_id, w.line LIMIT ?4) page),
shown (ref) AS (
  SELECT b.ref FROM chosen c CROSS JOIN allocation_batches b INDEXED BY allocation_batches_for_sale
    WHERE b.sku = c.sku AND b.open = 1 AND b.blocked = '' AND b.expired = 0
  UNION
  SELECT l.batch_ref FROM wanted w CROSS JOIN allocation_lines l WHERE l.order_id = w.order_id
    AND l.sku = w.sku
  UNION
  SELECT b.ref FROM chosen c CROSS JOIN allocation_batches b INDEXED BY allocation_batches_due_by_sku
    WHERE b.sku = c.sku AND b.due <= ?3 + 0)
SELECT 0, p.sku, '', '', '', '', '', '', p.version, p.refused, p.low_stock, p.low, p.serving_priority,
  p.serving_sequence, CASE WHEN EXISTS (SELECT 1
  FROM allocation_waiting w INDEXED BY allocation_waiting_served WHERE w.sku = p.sku) THEN 1 ELSE 0 END, 0, 0, (
  SELECT l.held_until FROM allocation_lines l INDEXED BY allocation_lines_held
  WHERE l.sku = p.sku AND l.part = 0 AND l.held_until > ?3 + 0
    ORDER BY l.held_until LIMIT 1), (SELECT MIN(w.needed_by)
    FROM allocation_waiting w INDEXED BY allocation_waiting_needed_by_sku
  WHERE w.sku = p.sku AND w.needed_by >= ? - 1 AND (w.needed_by > ?6 - 1 OR w.sku > ?)), NULL, NULL, NULL,
    NULL, NULL, NULL
FROM chosen c CROSS JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT 1, b.sku, b.ref, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, 0, 0, 0, 0, b.eta, b.best_before, b.announced_eta,
  b.arrived_at, b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM shown s CROSS JOIN allocation_batches b WHERE b.ref = s.ref
UNION ALL
SELECT 2, l.sku, l.order_id, l.line, l.batch_ref, l.location, l.handed_from, '', l.part, l.quantity,
  l.shipped, l.split, l.sequence, l.priority, l.late, l.partial, l.may_wait, l.held_until, l.needed_by,
  l.fresh_until, l.wanted, l.hold_for, NULL, NULL, NULL
FROM wanted w CROSS JOIN allocation_lines l WHERE l.order_id = w.order_id AND l.sku = w.sku
UNION ALL
SELECT 3, q.sku, q.order_id, q.line, q.location, q.handed_from, '', '', q.quantity, q.wanted, q.split,
  q.partial, q.priority, q.sequence, 0, 0, 0, q.hold_for, q.needed_by, q.fresh_until, NULL, NULL, NULL, NULL,
  NULL
FROM wanted w CROSS JOIN allocation_waiting q WHERE q.order_id = w.order_id AND q.sku = w.sku
;

-- name: lock everything
-- The first statement of Locked on SQLite, where one transaction at a time can write.
UPDATE allocation_products SET version = version WHERE sku = ''
;

-- name: check versions
-- A commit of a unit of work that read products and changed none.
-- Parameters: skus.
SELECT p.sku, p.version FROM (SELECT value FROM json_each(?)) k CROSS JOIN allocation_products p
  WHERE p.sku = k.value
;

-- name: audit
-- Reads the counters of a product's batches and the sums of its lines and events: Reconcile, Mend.
-- Parameters: sku.
SELECT 0, '', version, COALESCE((SELECT MAX(sequence) FROM allocation_events WHERE sku = ?), 0)
FROM allocation_products WHERE sku = ?1
UNION ALL
SELECT 1, b.ref, b.purchased, b.allocated
FROM allocation_batches b INDEXED BY allocation_batches_by_sku WHERE b.sku = ?1
UNION ALL
SELECT 2, l.batch_ref, 0, CAST(SUM(l.quantity - l.shipped) AS BIGINT)
FROM (SELECT b.sku, b.ref FROM allocation_batches b INDEXED BY allocation_batches_by_sku
  WHERE b.sku = ?1) b CROSS JOIN allocation_lines l INDEXED BY allocation_lines_leaving WHERE l.sku = b.sku
  AND l.batch_ref = b.ref AND l.open = 1 GROUP BY l.batch_ref
UNION ALL
SELECT 3, batch_ref, CAST(SUM(purchased) AS BIGINT), CAST(SUM(allocated) AS BIGINT)
FROM allocation_events WHERE sku = ?1 AND batch_ref IS NOT NULL GROUP BY batch_ref
UNION ALL
SELECT 3, batch_ref, purchased, allocated FROM allocation_purged WHERE sku = ?1
;

-- name: audit of many products
-- Reads the same of a page of products: ReconcileAll.
-- Parameters: after, page.
WITH chosen (sku) AS (SELECT p.sku FROM allocation_products p WHERE p.sku > ? ORDER BY p.sku LIMIT ?)
SELECT 0, p.sku, '', p.version, COALESCE((SELECT MAX(sequence) FROM allocation_events e
  WHERE e.sku = p.sku), 0)
FROM chosen c CROSS JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT 1, b.sku, b.ref, b.purchased, b.allocated
FROM chosen c CROSS JOIN allocation_batches b INDEXED BY allocation_batches_by_sku WHERE b.sku = c.sku
UNION ALL
SELECT 2, l.sku, l.batch_ref, 0, CAST(SUM(l.quantity - l.shipped) AS BIGINT)
FROM (SELECT b.sku, b.ref FROM chosen c
  CROSS JOIN allocation_batches b INDEXED BY allocation_batches_by_sku WHERE b.sku = c.sku) b
  CROSS JOIN allocation_lines l INDEXED BY allocation_lines_leaving WHERE l.sku = b.sku
  AND l.batch_ref = b.ref AND l.open = 1 GROUP BY l.sku, l.batch_ref
UNION ALL
SELECT 3, e.sku, e.batch_ref,
  CAST(SUM(e.purchased) AS BIGINT), CAST(SUM(e.allocated) AS BIGINT)
FROM chosen c CROSS JOIN allocation_events e WHERE e.sku = c.sku AND e.batch_ref IS NOT NULL
GROUP BY e.sku, e.batch_ref
UNION ALL
SELECT 3, g.sku, g.batch_ref, g.purchased, g.allocated
FROM chosen c CROSS JOIN allocation_purged g WHERE g.sku = c.sku
;

-- name: events
-- Reads a page of a product's events: Events.
-- Parameters: sku, after, limit.
SELECT sequence, kind, data FROM allocation_events
WHERE sku = ? AND sequence > ? ORDER BY sequence LIMIT ?
;

-- name: commit: add a product
-- A commit with a new product: AddBatch for a new SKU.
-- Parameters: sku, version, refused, low_stock, low.
INSERT INTO allocation_products (sku, version, refused, low_stock, low, written) VALUES (?, ?, ?, ?, ?, ?2)
;

-- name: commit: change a product
-- A commit that changes a product: nearly every verb.
-- Parameters: version, refused, low_stock, low, sku, seen.
UPDATE allocation_products SET version = ?, refused = ?, low_stock = ?, low = ?, written = ?1
WHERE sku = ? AND version = ?
;

-- name: commit: check a product
-- A commit that changes one product and only checks the version of another.
-- Parameters: sku, seen.
UPDATE allocation_products SET version = version WHERE sku = ? AND version = ?
;

-- name: commit: add a batch
-- A commit with a new batch: AddBatch.
-- Parameters: ref, sku, purchased, allocated, eta, location, best_before, announced_quantity, announced_eta,
-- lot, blocked, announced_blocked, split_from, arrived_at, expired, due, dated, counted_at,
-- counted_quantity, shipped_at.
INSERT INTO allocation_batches (ref, sku, purchased, allocated, eta, location, best_before,
  announced_quantity, announced_eta, lot, blocked, announced_blocked, split_from, arrived_at, expired, due,
  dated, counted_at, counted_quantity, shipped_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
  ?, ?, ?)
;

-- name: commit: change a batch
-- A commit that changes more of a batch than the counters: ReceiveBatch and others.
-- Parameters: purchased, allocated, eta, arrived_at, blocked, expired, due, dated, counted_at,
-- counted_quantity, shipped_at, ref, sku.
UPDATE allocation_batches SET purchased = purchased + ?, allocated = allocated + ?, eta = ?, arrived_at = ?,
  blocked = ?, expired = ?, due = ?, dated = ?, counted_at = ?, counted_quantity = ?, shipped_at = ?
WHERE ref = ? AND sku = ?
;

-- name: commit: change the counters of a batch
-- A commit that changes the counters of a batch alone: Allocate, Cancel and others.
-- Parameters: purchased, allocated, ref, sku.
UPDATE allocation_batches SET purchased = purchased + ?, allocated = allocated + ?
WHERE ref = ? AND sku = ?
;

-- name: commit: add a part of a line
-- A commit with lines of which one has terms, a hold or several batches, for each part: Allocate, Ship.
-- Parameters: order_id, sku, line, part, batch_ref, quantity, shipped, split, held_until, held, sequence,
-- needed_by, fresh_until, location, priority, late, handed_from, wanted, partial, may_wait, hold_for.
INSERT INTO allocation_lines (order_id, sku, line, part, batch_ref, quantity, shipped, split, held_until,
  held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial, may_wait,
  hold_for) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
;

-- name: commit: add a plain line
-- A commit with firm lines without terms, each from one batch, for each line: Allocate.
-- Parameters: order_id, sku, batch_ref, quantity, sequence.
INSERT INTO allocation_lines (order_id, sku, part, batch_ref, quantity, shipped, split, sequence) VALUES (?,
  ?, 0, ?, ?, 0, 0, ?)
;

-- name: commit: remove a line
-- A commit that removes a line, or writes a line anew: Cancel, Ship.
-- Parameters: order_id, sku, line.
DELETE FROM allocation_lines
WHERE order_id = ? AND sku = ? AND line = ?
;

-- name: commit: add an event
-- Every commit that changes anything, for each event.
-- Parameters: sku, sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from.
INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
  trace_parent, unsent_from, written_for) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 6)
;

-- name: commit: wait no longer
-- A commit with a line that waits no longer, or for other units: the fill of a line, Cancel.
-- Parameters: order_id, sku, line.
DELETE FROM allocation_waiting
WHERE order_id = ? AND sku = ? AND line = ?
;

-- name: commit: wait
-- A commit with a line that waits: Allocate.
-- Parameters: order_id, sku, line, quantity, wanted, split, partial, hold_for, needed_by, fresh_until,
-- location, priority, handed_from, sequence.
INSERT INTO allocation_waiting (order_id, sku, line, quantity, wanted, split, partial, hold_for, needed_by,
  fresh_until, location, priority, handed_from, sequence) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
;

-- name: commit: change where serving goes on
-- A commit that served a page of those who wait, or everybody: ReceiveBatch of many units.
-- Parameters: serving_priority, serving_sequence, sku.
UPDATE allocation_products SET serving_priority = ?, serving_sequence = ? WHERE sku = ?
;

-- name: outbox: find claimable products
-- Finds products with unsent events that nobody has leased: Claim, before the lease.
-- Parameters: now, after, products.
SELECT w.sku, (SELECT h.unsent_from FROM allocation_events h INDEXED BY allocation_events_unsent
  WHERE h.sku = w.sku AND h.unsent_from IS NOT NULL ORDER BY h.sequence LIMIT 1), 0 FROM (
  WITH RECURSIVE busy (sku) AS (
  SELECT d.sku FROM allocation_deliveries d
  WHERE d.not_before > ? OR d.dead = 1 AND d.sequence >= (SELECT h.unsent_from
    FROM allocation_events h INDEXED BY allocation_events_unsent WHERE h.sku = d.sku
    AND h.unsent_from IS NOT NULL ORDER BY h.sequence LIMIT 1)),
  walk (sku, found) AS (
    SELECT (SELECT MIN(e.sku) FROM allocation_events e INDEXED BY allocation_events_unsent
      WHERE e.sku > ? AND e.unsent_from IS NOT NULL), 0
    UNION ALL
    SELECT (SELECT MIN(e.sku) FROM allocation_events e INDEXED BY allocation_events_unsent
      WHERE e.sku > w.sku AND e.unsent_from IS NOT NULL), w.found + CASE WHEN w.sku IN (SELECT sku
      FROM busy) THEN 0 ELSE 1 END FROM walk w
    WHERE w.sku IS NOT NULL AND w.found + CASE WHEN w.sku IN (SELECT sku FROM busy) THEN 0 ELSE 1 END < ?)
  SELECT w.sku FROM walk w WHERE w.sku NOT IN (SELECT sku FROM busy)) w
WHERE w.sku IS NOT NULL
;

-- name: outbox: lease products
-- Leases products for a relay: Claim.
-- Parameters: owner, claim, until, rows, now.
INSERT INTO allocation_deliveries (sku, owner, claim, not_before, sequence, tries, retry_at, dead, error)
SELECT x.sku, ?, ?, ?, x.sequence, 0, 0, 0, ''
FROM (SELECT json_extract(value, '$.sku') AS sku, json_extract(value, '$.sequence') AS sequence
  FROM json_each(?)) x WHERE true
ON CONFLICT (sku) DO UPDATE SET
  owner = excluded.owner, claim = excluded.claim, not_before = excluded.not_before,
  sequence = CASE WHEN allocation_deliveries.sequence < excluded.sequence
    THEN excluded.sequence ELSE allocation_deliveries.sequence END,
  tries = CASE WHEN allocation_deliveries.sequence < excluded.sequence THEN 0 ELSE
    allocation_deliveries.tries END,
  dead = 0
WHERE allocation_deliveries.not_before <= ?
  AND (allocation_deliveries.dead = 0 OR allocation_deliveries.sequence < excluded.sequence)
RETURNING sku, sequence, tries, claim
;

-- name: outbox: read unsent events
-- Reads the first unsent events of the leased products: Claim.
-- Parameters: skus, events.
SELECT w.sku, w.last, e.sequence, e.kind, e.data, e.trace_parent FROM (
WITH RECURSIVE leased (sku, sequence, last) AS (
  SELECT k.value, (SELECT h.unsent_from FROM allocation_events h INDEXED BY allocation_events_unsent
    WHERE h.sku = k.value AND h.unsent_from IS NOT NULL ORDER BY h.sequence LIMIT 1),
    (SELECT h.sequence FROM allocation_events h INDEXED BY allocation_events_unsent WHERE h.sku = k.value
      AND h.unsent_from IS NOT NULL ORDER BY h.sequence DESC LIMIT 1)
  FROM (SELECT value FROM json_each(?)) k),
wanted (sku, sequence, until, last) AS (
  SELECT l.sku, l.sequence,
    CASE WHEN l.last - l.sequence < ? THEN l.last ELSE l.sequence + ?2 - 1 END, l.last
  FROM leased l WHERE l.sequence IS NOT NULL
  UNION ALL
  SELECT w.sku, w.sequence + 1, w.until, w.last FROM wanted w WHERE w.sequence < w.until)
SELECT * FROM wanted) w CROSS JOIN allocation_events e WHERE e.sku = w.sku AND e.sequence = w.sequence
;

-- name: outbox: release a product
-- Ends the lease of a product that has no unsent events any more: Claim.
-- Parameters: sku, claim.
DELETE FROM allocation_deliveries WHERE sku = ? AND claim = ?
;

-- name: outbox: mark events as sent
-- Settle of a delivery without a failure; PostgreSQL ends the lease in the same statement.
-- Parameters: sent, sku.
UPDATE allocation_events AS e INDEXED BY allocation_events_unsent
SET unsent_from = CASE WHEN e.sequence <= ? THEN NULL ELSE ?1 + 1 END
WHERE e.sku = ? AND e.unsent_from IS NOT NULL AND e.unsent_from <= ?1 AND e.sequence <= COALESCE((
  SELECT MIN(h.sequence) FROM allocation_events h INDEXED BY allocation_events_unsent WHERE h.sku = ?2
    AND h.unsent_from IS NOT NULL AND h.sequence >= ?1), ?1)
;

-- name: outbox: end a lease
-- Settle of a delivery without a failure.
-- Parameters: sku, owner, sent.
DELETE FROM allocation_deliveries
WHERE sku = ? AND owner = ? AND claim IS NOT NULL AND (tries = 0 OR sequence <= ?)
;

-- name: outbox: mark events before a failure as sent
-- Settle of a delivery with a failure; PostgreSQL keeps the failure in the same statement.
-- Parameters: sent, sku.
UPDATE allocation_events AS e INDEXED BY allocation_events_unsent
SET unsent_from = CASE WHEN e.sequence <= ? THEN NULL ELSE ?1 + 1 END
WHERE e.sku = ? AND e.unsent_from IS NOT NULL AND e.unsent_from <= ?1 AND e.sequence <= COALESCE((
  SELECT MIN(h.sequence) FROM allocation_events h INDEXED BY allocation_events_unsent WHERE h.sku = ?2
    AND h.unsent_from IS NOT NULL AND h.sequence >= ?1), ?1)
;

-- name: outbox: keep a failure
-- Settle of a delivery with a failure.
-- Parameters: retry_at, sequence, tries, dead, error, sku, owner.
UPDATE allocation_deliveries SET claim = NULL, not_before = ?, retry_at = ?1,
  sequence = ?, tries = ?, dead = ?, error = ?
WHERE sku = ? AND owner = ? AND claim IS NOT NULL
;

-- name: outbox: give a product back
-- Settle of a delivery of which nothing new was sent: the failure stays, the lease ends.
-- Parameters: sku, owner.
UPDATE allocation_deliveries SET claim = NULL, not_before = retry_at
WHERE sku = ? AND owner = ? AND claim IS NOT NULL
;

-- name: outbox: backlog
-- Counts the unsent events: Backlog.
SELECT COUNT(*), COALESCE(CAST(SUM(g.events) AS BIGINT), 0),
  MIN((SELECT f.at FROM allocation_events f WHERE f.sku = g.sku AND f.sequence = g.sequence))
FROM (
  SELECT e.sku, MIN(e.unsent_from) AS sequence, SUM(e.sequence - e.unsent_from + 1) AS events
  FROM allocation_events e INDEXED BY allocation_events_unsent WHERE e.sku > ''
    AND e.unsent_from IS NOT NULL GROUP BY e.sku) g
;

-- name: outbox: failures
-- Lists the products whose first unsent event failed: Failures.
-- Parameters: after, limit.
SELECT d.sku, d.sequence, d.tries, d.retry_at, d.dead, d.error FROM allocation_deliveries d
WHERE d.sku > ? AND d.tries > 0 AND d.sequence = (SELECT h.unsent_from
  FROM allocation_events h INDEXED BY allocation_events_unsent WHERE h.sku = d.sku
  AND h.unsent_from IS NOT NULL ORDER BY h.sequence LIMIT 1)
ORDER BY d.sku LIMIT ?
;

-- name: outbox: forget a failure
-- Lets a failed event be tried again: Retry.
-- Parameters: sku.
UPDATE allocation_deliveries SET tries = 0, dead = 0,
  not_before = CASE WHEN claim IS NULL THEN -62135596800000000 ELSE not_before END
WHERE sku = ? AND tries > 0 AND sequence = (SELECT h.unsent_from
  FROM allocation_events h INDEXED BY allocation_events_unsent WHERE h.sku = ?1
  AND h.unsent_from IS NOT NULL ORDER BY h.sequence LIMIT 1)
;

-- name: outbox: forget the failure of an event
-- Gives a failed event up: Skip, first statement.
-- Parameters: sku, sequence.
UPDATE allocation_deliveries SET tries = 0, dead = 0,
  not_before = CASE WHEN claim IS NULL THEN -62135596800000000 ELSE not_before END
WHERE sku = ? AND tries > 0 AND sequence = (SELECT h.unsent_from
  FROM allocation_events h INDEXED BY allocation_events_unsent WHERE h.sku = ?1
  AND h.unsent_from IS NOT NULL ORDER BY h.sequence LIMIT 1) AND sequence = ?
;

-- name: outbox: mark a skipped event as sent
-- Gives a failed event up: Skip, second statement.
-- Parameters: sent, sku.
UPDATE allocation_events AS e INDEXED BY allocation_events_unsent
SET unsent_from = CASE WHEN e.sequence <= ? THEN NULL ELSE ?1 + 1 END
WHERE e.sku = ? AND e.unsent_from IS NOT NULL AND e.unsent_from <= ?1 AND e.sequence <= COALESCE((
  SELECT MIN(h.sequence) FROM allocation_events h INDEXED BY allocation_events_unsent WHERE h.sku = ?2
    AND h.unsent_from IS NOT NULL AND h.sequence >= ?1), ?1)
;

-- name: outbox: first events
-- Reads a page of products with the time of the first event of each: Purge.
-- Parameters: after, limit.
SELECT p.sku, (SELECT e.at FROM allocation_events e WHERE e.sku = p.sku ORDER BY e.sequence LIMIT 1)
FROM (SELECT sku FROM allocation_products WHERE sku > ? ORDER BY sku LIMIT ?) p ORDER BY p.sku
;

-- name: outbox: events of a product
-- Finds how far a product's events are sent and old: Purge.
-- Parameters: before, sku, limit.
SELECT MIN(t.sequence), MAX(t.sequence), MIN(CASE WHEN t.at >= ? THEN t.sequence END),
  (SELECT h.unsent_from FROM allocation_events h INDEXED BY allocation_events_unsent WHERE h.sku = ?
    AND h.unsent_from IS NOT NULL ORDER BY h.sequence LIMIT 1)
FROM (SELECT e.sequence, e.at FROM allocation_events e WHERE e.sku = ?2 ORDER BY e.sequence LIMIT ?) t
;

-- name: outbox: delete events
-- Deletes the old events of a product: Purge.
-- Parameters: sku, end.
DELETE FROM allocation_events WHERE sku = ? AND sequence < ? RETURNING batch_ref, purchased, allocated
;

-- name: outbox: add to the sums
-- Adds what deleted events had moved to the sums of their batches: Purge.
-- Parameters: rows.
  INSERT INTO allocation_purged (sku, batch_ref, purchased, allocated)
  SELECT x.sku, x.batch_ref, x.purchased, x.allocated
  FROM (SELECT json_extract(value, '$.sku') AS sku, json_extract(value, '$.batch_ref') AS batch_ref,
    json_extract(value, '$.purchased') AS purchased, json_extract(value, '$.allocated') AS allocated
    FROM json_each(?)) x WHERE true
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
FROM (SELECT * FROM allocation_lines WHERE order_id = ?) l CROSS JOIN allocation_batches b
  WHERE b.ref = l.batch_ref
UNION ALL
SELECT w.sku, w.line, NULL, w.sequence, w.needed_by, w.fresh_until, w.location, w.priority, 0,
  '', 0, 0, NULL, '', NULL, w.quantity, 1000000000
FROM allocation_waiting w WHERE w.order_id = ?1
ORDER BY sku, line, part
;

-- name: view: lines of a batch
-- Reads a page of the lines that wait for units of a batch: BatchLines.
-- Parameters: batch, held, priority, sequence, page.
SELECT order_id, line, quantity, shipped, held_until, priority, sequence FROM (
  SELECT * FROM (
    SELECT l.order_id, l.line, l.quantity, l.shipped, l.held_until, l.priority, l.sequence, l.held
      FROM allocation_lines l INDEXED BY allocation_lines_leaving
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = ?) AND l.batch_ref = ?1 AND l.open = 1
      AND l.held = ? AND l.priority = CAST(? AS BIGINT) AND l.sequence < ?
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?) arm1
  UNION ALL
  SELECT * FROM (
    SELECT l.order_id, l.line, l.quantity, l.shipped, l.held_until, l.priority, l.sequence, l.held
      FROM allocation_lines l INDEXED BY allocation_lines_leaving
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = ?1) AND l.batch_ref = ?1 AND l.open = 1
      AND l.held = ?2 AND l.priority > CAST(?3 AS BIGINT)
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?5) arm2
  UNION ALL
  SELECT * FROM (
    SELECT l.order_id, l.line, l.quantity, l.shipped, l.held_until, l.priority, l.sequence, l.held
      FROM allocation_lines l INDEXED BY allocation_lines_leaving
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = ?1) AND l.batch_ref = ?1 AND l.open = 1
      AND l.held < ?2
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?5) arm3) page
ORDER BY held DESC, priority, sequence DESC LIMIT ?5
;

-- name: view: batches
-- Reads a page of the batches of a product: Batches.
-- Parameters: sku, now, after, page.
WITH chosen (sku) AS (SELECT sku FROM allocation_products WHERE sku = ?),
found (ref, split, units) AS (
  SELECT h.batch_ref, MAX(h.split), SUM(CASE h.split WHEN 0 THEN h.quantity - h.shipped ELSE 0 END)
  FROM chosen c CROSS JOIN allocation_lines h INDEXED BY allocation_lines_held
  WHERE h.sku = c.sku AND h.part = 0 AND h.held_until <= ? + 0 GROUP BY h.batch_ref),
unbound (ref, units) AS (
  SELECT u.ref, SUM(u.units) FROM (
    SELECT f.ref, f.units FROM found f
    UNION ALL
    SELECT l.batch_ref, l.quantity - l.shipped
    FROM (SELECT 1 FROM found f WHERE f.split = 1 LIMIT 1) any_split CROSS JOIN chosen c
    CROSS JOIN allocation_lines h INDEXED BY allocation_lines_held CROSS JOIN allocation_lines l
    WHERE h.sku = c.sku AND h.part = 0 AND h.held_until <= ?2 + 0 AND h.split = 1
      AND l.order_id = h.order_id AND l.sku = h.sku AND l.line = h.line) u
  GROUP BY u.ref)
SELECT 0, page.ref, page.location, page.lot, page.blocked, page.announced_blocked, page.split_from,
  page.purchased, page.allocated, page.announced_quantity, page.expired, page.dated, page.eta,
  page.best_before, page.announced_eta, page.arrived_at, page.due, page.counted_at, page.counted_quantity,
  page.shipped_at
FROM (
  SELECT * FROM allocation_batches b INDEXED BY allocation_batches_by_sku
  WHERE b.sku = ?1 AND b.ref > ? ORDER BY b.ref LIMIT ?) page
UNION ALL
SELECT u.units, u.ref, '', '', '', '', '', 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM unbound u
;

-- name: view: queues
-- Reads how many lines and units wait for products: Queues.
-- Parameters: skus.
WITH chosen (sku) AS (SELECT value FROM (SELECT value FROM json_each(?)) k)
SELECT p.sku, COUNT(w.sku), CAST(COALESCE(SUM(w.quantity), 0) AS BIGINT)
FROM (SELECT p.sku FROM chosen c CROSS JOIN allocation_products p WHERE p.sku = c.sku) p
LEFT JOIN allocation_waiting w ON w.sku = p.sku
GROUP BY p.sku
;

-- name: view: places of an order
-- Reads how many lines come before those of an order: Places.
-- Parameters: order.
SELECT w.sku, w.line, w.quantity,
  (SELECT COUNT(*) FROM allocation_waiting o INDEXED BY allocation_waiting_served WHERE o.sku = w.sku
    AND o.priority > w.priority)
  + (SELECT COUNT(*) FROM allocation_waiting o INDEXED BY allocation_waiting_served WHERE o.sku = w.sku
    AND o.priority = w.priority AND o.sequence < w.sequence)
FROM allocation_waiting w WHERE w.order_id = ?
ORDER BY w.sku, w.line
;

-- name: view: stock
-- Reads what can be promised of products: Stock. On MariaDB: of one product.
-- Parameters: skus, now, order.
WITH chosen (sku) AS (SELECT value FROM (SELECT value FROM json_each(?)) k),
found (ref, split, units) AS (
  SELECT h.batch_ref, MAX(h.split), SUM(CASE h.split WHEN 0 THEN h.quantity - h.shipped ELSE 0 END)
  FROM chosen c CROSS JOIN allocation_lines h INDEXED BY allocation_lines_held
  WHERE h.sku = c.sku AND h.part = 0 AND h.held_until <= ? + 0 GROUP BY h.batch_ref),
unbound (ref, units) AS (
  SELECT u.ref, SUM(u.units) FROM (
    SELECT f.ref, f.units FROM found f
    UNION ALL
    SELECT l.batch_ref, l.quantity - l.shipped
    FROM (SELECT 1 FROM found f WHERE f.split = 1 LIMIT 1) any_split CROSS JOIN chosen c
    CROSS JOIN allocation_lines h INDEXED BY allocation_lines_held CROSS JOIN allocation_lines l
    WHERE h.sku = c.sku AND h.part = 0 AND h.held_until <= ?2 + 0 AND h.split = 1
      AND l.order_id = h.order_id AND l.sku = h.sku AND l.line = h.line) u
  GROUP BY u.ref),
freed (ref, units) AS (
  SELECT f.ref, CAST(SUM(f.units) AS BIGINT) FROM (
    SELECT u.ref, u.units FROM unbound u
    UNION ALL
    SELECT l.batch_ref, l.quantity - l.shipped
    FROM chosen c CROSS JOIN allocation_lines l WHERE ? <> '' AND l.order_id = ?3 AND l.sku = c.sku
      AND l.shipped < l.quantity
      AND (l.held_until IS NULL OR l.held_until > ?2)) f
  GROUP BY f.ref)
SELECT p.sku, p.version, NULL, 0 FROM chosen c CROSS JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT b.sku, 0, b.eta, b.purchased - b.allocated
FROM chosen c CROSS JOIN allocation_batches b INDEXED BY allocation_batches_for_sale WHERE b.sku = c.sku
  AND b.open = 1 AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ?2 AND (b.eta IS NULL OR b.best_before > b.eta))
UNION ALL
SELECT b.sku, 0, b.eta, u.units + CASE WHEN b.open = 1 THEN 0 ELSE b.purchased - b.allocated END
FROM freed u CROSS JOIN allocation_batches b WHERE b.ref = u.ref AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ?2 AND (b.eta IS NULL OR b.best_before > b.eta))
;

-- name: view: open batches
-- Reads the batches with units that can be promised: OpenBatches. On MariaDB: of one product.
-- Parameters: skus, now.
WITH chosen (sku) AS (SELECT value FROM (SELECT value FROM json_each(?)) k),
found (ref, split, units) AS (
  SELECT h.batch_ref, MAX(h.split), SUM(CASE h.split WHEN 0 THEN h.quantity - h.shipped ELSE 0 END)
  FROM chosen c CROSS JOIN allocation_lines h INDEXED BY allocation_lines_held
  WHERE h.sku = c.sku AND h.part = 0 AND h.held_until <= ? + 0 GROUP BY h.batch_ref),
unbound (ref, units) AS (
  SELECT u.ref, SUM(u.units) FROM (
    SELECT f.ref, f.units FROM found f
    UNION ALL
    SELECT l.batch_ref, l.quantity - l.shipped
    FROM (SELECT 1 FROM found f WHERE f.split = 1 LIMIT 1) any_split CROSS JOIN chosen c
    CROSS JOIN allocation_lines h INDEXED BY allocation_lines_held CROSS JOIN allocation_lines l
    WHERE h.sku = c.sku AND h.part = 0 AND h.held_until <= ?2 + 0 AND h.split = 1
      AND l.order_id = h.order_id AND l.sku = h.sku AND l.line = h.line) u
  GROUP BY u.ref)
SELECT 0, b.ref, b.sku, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, b.eta, b.best_before, b.announced_eta, b.arrived_at,
  b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM chosen c CROSS JOIN allocation_batches b INDEXED BY allocation_batches_for_sale WHERE b.sku = c.sku
  AND b.open = 1 AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ?2 AND (b.eta IS NULL OR b.best_before > b.eta))
UNION ALL
SELECT u.units, b.ref, b.sku, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, b.eta, b.best_before, b.announced_eta, b.arrived_at,
  b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM unbound u CROSS JOIN allocation_batches b WHERE b.ref = u.ref AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ?2 AND (b.eta IS NULL OR b.best_before > b.eta))
;

-- name: view: batches of a lot
-- Reads a page of the batches of a lot: LotBatches.
-- Parameters: lot, after, page, now.
WITH page AS (SELECT * FROM (
  SELECT * FROM (
    SELECT b.ref, b.sku, b.purchased, b.allocated, b.eta, b.location, b.best_before, b.announced_quantity,
      b.announced_eta, b.lot, b.blocked, b.announced_blocked, b.split_from, b.arrived_at, b.expired, b.due,
      b.dated, b.counted_at, b.counted_quantity, b.shipped_at FROM allocation_batches b
    WHERE b.ref = ? AND b.lot = '' AND b.ref > ?
    ORDER BY b.ref LIMIT ?) named
  UNION ALL
  SELECT * FROM (
    SELECT b.ref, b.sku, b.purchased, b.allocated, b.eta, b.location, b.best_before, b.announced_quantity,
      b.announced_eta, b.lot, b.blocked, b.announced_blocked, b.split_from, b.arrived_at, b.expired, b.due,
      b.dated, b.counted_at, b.counted_quantity, b.shipped_at
      FROM allocation_batches b INDEXED BY allocation_batches_by_lot
    WHERE b.lot = ?1 AND b.lot <> '' AND b.ref > ?2
    ORDER BY b.ref LIMIT ?3) others) b
  ORDER BY b.ref LIMIT ?3),
chosen (sku) AS (SELECT DISTINCT sku FROM page),
found (ref, split, units) AS (
  SELECT h.batch_ref, MAX(h.split), SUM(CASE h.split WHEN 0 THEN h.quantity - h.shipped ELSE 0 END)
  FROM chosen c CROSS JOIN allocation_lines h INDEXED BY allocation_lines_held
  WHERE h.sku = c.sku AND h.part = 0 AND h.held_until <= ? + 0 GROUP BY h.batch_ref),
unbound (ref, units) AS (
  SELECT u.ref, SUM(u.units) FROM (
    SELECT f.ref, f.units FROM found f
    UNION ALL
    SELECT l.batch_ref, l.quantity - l.shipped
    FROM (SELECT 1 FROM found f WHERE f.split = 1 LIMIT 1) any_split CROSS JOIN chosen c
    CROSS JOIN allocation_lines h INDEXED BY allocation_lines_held CROSS JOIN allocation_lines l
    WHERE h.sku = c.sku AND h.part = 0 AND h.held_until <= ?4 + 0 AND h.split = 1
      AND l.order_id = h.order_id AND l.sku = h.sku AND l.line = h.line) u
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
  WHERE b.ref = ? AND b.lot = '' AND b.ref > ?
    AND ((SELECT 1 FROM allocation_lines l INDEXED BY allocation_lines_leaving WHERE l.sku = b.sku
      AND l.batch_ref = b.ref AND l.open = 1 LIMIT 1) IS NOT NULL
      OR (SELECT 1 FROM allocation_lines l INDEXED BY allocation_lines_shipped WHERE l.batch_ref = b.ref
        AND l.open = 0 LIMIT 1) IS NOT NULL)
  ORDER BY b.ref LIMIT ?) named
UNION ALL
SELECT * FROM (
  SELECT b.ref, b.sku FROM allocation_batches b INDEXED BY allocation_batches_by_lot
  WHERE b.lot = ?1 AND b.lot <> '' AND b.ref > ?2
    AND ((SELECT 1 FROM allocation_lines l INDEXED BY allocation_lines_leaving WHERE l.sku = b.sku
      AND l.batch_ref = b.ref AND l.open = 1 LIMIT 1) IS NOT NULL
      OR (SELECT 1 FROM allocation_lines l INDEXED BY allocation_lines_shipped WHERE l.batch_ref = b.ref
        AND l.open = 0 LIMIT 1) IS NOT NULL)
  ORDER BY b.ref LIMIT ?3) others) b
ORDER BY b.ref LIMIT ?3
;

-- name: view: lines of a batch of a lot
-- Reads the first lines of a batch of a lot: LotLines.
-- Parameters: sku0, batch0, page.
SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence FROM (
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l INDEXED BY allocation_lines_leaving
    WHERE l.sku = ? AND l.batch_ref = ? AND l.open = 1
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?) arm
  UNION ALL
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l INDEXED BY allocation_lines_shipped
    WHERE l.sku = ?1 AND l.batch_ref = ?2 AND l.open = 0
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?3) arm) page
ORDER BY batch_ref, held DESC, priority, sequence DESC LIMIT ?3
;

-- name: view: lines of two batches of a lot
-- Reads the first lines of two batches of a lot: LotLines. Up to 16 batches repeat the part for each.
-- Parameters: sku0, batch0, page, sku1, batch1.
SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence FROM (
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l INDEXED BY allocation_lines_leaving
    WHERE l.sku = ? AND l.batch_ref = ? AND l.open = 1
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?) arm
  UNION ALL
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l INDEXED BY allocation_lines_shipped
    WHERE l.sku = ?1 AND l.batch_ref = ?2 AND l.open = 0
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?3) arm
  UNION ALL
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l INDEXED BY allocation_lines_leaving
    WHERE l.sku = ? AND l.batch_ref = ? AND l.open = 1
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?3) arm
  UNION ALL
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l INDEXED BY allocation_lines_shipped
    WHERE l.sku = ?4 AND l.batch_ref = ?5 AND l.open = 0
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?3) arm) page
ORDER BY batch_ref, held DESC, priority, sequence DESC LIMIT ?3
;

-- name: view: further lines of a batch of a lot
-- Reads the lines of a batch of a lot behind the page before: LotLines.
-- Parameters: batch, lot, held, priority, sequence, page.
SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence FROM (
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l INDEXED BY allocation_lines_leaving
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = ? AND (lot = ? OR lot = ''
      AND ref = ?2)) AND l.batch_ref = ?1 AND l.open = 1 AND l.held = ? AND l.priority = CAST(? AS BIGINT)
      AND l.sequence < ?
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?) arm
  UNION ALL
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l INDEXED BY allocation_lines_shipped
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = ?1 AND (lot = ?2 OR lot = ''
      AND ref = ?2)) AND l.batch_ref = ?1 AND l.open = 0 AND l.held = ?3
      AND l.priority = CAST(?4 AS BIGINT) AND l.sequence < ?5
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?6) arm
  UNION ALL
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l INDEXED BY allocation_lines_leaving
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = ?1 AND (lot = ?2 OR lot = ''
      AND ref = ?2)) AND l.batch_ref = ?1 AND l.open = 1 AND l.held = ?3 AND l.priority > CAST(?4 AS BIGINT)
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?6) arm
  UNION ALL
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l INDEXED BY allocation_lines_shipped
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = ?1 AND (lot = ?2 OR lot = ''
      AND ref = ?2)) AND l.batch_ref = ?1 AND l.open = 0 AND l.held = ?3 AND l.priority > CAST(?4 AS BIGINT)
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?6) arm
  UNION ALL
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l INDEXED BY allocation_lines_leaving
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = ?1 AND (lot = ?2 OR lot = ''
      AND ref = ?2)) AND l.batch_ref = ?1 AND l.open = 1 AND l.held < ?3
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?6) arm
  UNION ALL
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l INDEXED BY allocation_lines_shipped
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = ?1 AND (lot = ?2 OR lot = ''
      AND ref = ?2)) AND l.batch_ref = ?1 AND l.open = 0 AND l.held < ?3
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?6) arm) page
ORDER BY batch_ref, held DESC, priority, sequence DESC LIMIT ?6
;

-- name: view: due
-- Reads a page of each kind of what is due: Due.
-- Parameters: by, a_at, a_sku, a_batch, page, b_at, b_sku, b_batch, first, c_at, c_sku, c_order, c_line,
-- d_at, d_sku, d_batch, d_order, d_line, e_at, e_sku, e_order, e_line.
SELECT * FROM (
  SELECT 0 AS kind, b.eta AS moment, b.sku AS sku, b.ref AS ref, '' AS order_id, '' AS line,
    b.purchased AS units, b.allocated AS promised, 0 AS told
  FROM allocation_batches b INDEXED BY allocation_batches_arriving
  WHERE b.eta <= ? + 0 AND b.eta >= ? + 0 AND (b.eta > ?2 + 0 OR b.eta = ?2 + 0
    AND b.sku > ? OR b.eta = ?2 + 0 AND b.sku = ?3 AND b.ref > ?) AND b.purchased > 0
  ORDER BY b.eta, b.sku, b.ref LIMIT ?) arm0
UNION ALL
SELECT * FROM (
  SELECT 1 AS kind, b.due AS moment, b.sku AS sku, b.ref AS ref, '' AS order_id, '' AS line,
    b.purchased AS units, b.allocated AS promised, 0 AS told
  FROM allocation_batches b INDEXED BY allocation_batches_due
  WHERE b.due <= ?1 + 0 AND b.due >= ? + 0 AND (b.due > ?6 + 0 OR b.due = ?6 + 0
    AND b.sku > ? OR b.due = ?6 + 0 AND b.sku = ?7 AND b.ref > ?) AND b.best_before = b.due
    AND (b.dated = 0 OR b.eta IS NULL)
  ORDER BY b.due, b.sku, b.ref LIMIT ?5) arm1
UNION ALL
SELECT * FROM (
  SELECT 1 AS kind, b.best_before AS moment, b.sku AS sku, b.ref AS ref, '' AS order_id, '' AS line,
    b.purchased AS units, b.allocated AS promised, 0 AS told
  FROM allocation_batches b INDEXED BY allocation_batches_arriving
  WHERE b.best_before <= ?1 + 0 AND b.best_before >= ?6 + 0
    AND (b.best_before > ?6 + 0 OR b.best_before = ?6 + 0 AND b.sku > ?7 OR b.best_before = ?6 + 0
    AND b.sku = ?7 AND b.ref > ?8) AND b.eta >= ? + 0 AND b.dated = 1 AND b.expired = 0 AND b.purchased > 0
  ORDER BY b.best_before, b.sku, b.ref LIMIT ?5) arm2
UNION ALL
SELECT * FROM (
  SELECT 1 AS kind, b.best_before AS moment, b.sku AS sku, b.ref AS ref, '' AS order_id, '' AS line,
    b.purchased AS units, b.allocated AS promised, 1 AS told
  FROM allocation_batches b INDEXED BY allocation_batches_expired
  WHERE b.best_before <= ?1 + 0 AND b.best_before >= ?6 + 0
    AND (b.best_before > ?6 + 0 OR b.best_before = ?6 + 0 AND b.sku > ?7 OR b.best_before = ?6 + 0
    AND b.sku = ?7 AND b.ref > ?8) AND b.expired = 1 AND b.allocated > 0
  ORDER BY b.best_before, b.sku, b.ref LIMIT ?5) arm3
UNION ALL
SELECT * FROM (
  SELECT 2 AS kind, h.held_until AS moment, h.sku AS sku, '' AS ref, h.order_id AS order_id, h.line AS line,
    CASE WHEN h.split = 0 THEN h.quantity - h.shipped ELSE (
      SELECT CAST(SUM(l.quantity - l.shipped) AS BIGINT) FROM allocation_lines l
      WHERE l.order_id = h.order_id AND l.sku = h.sku AND l.line = h.line) END AS units,
    0 AS promised, 0 AS told
  FROM allocation_lines h INDEXED BY allocation_lines_lapsing
  WHERE h.part = 0 AND h.held_until <= ?1 + 0 AND h.held_until >= ? + 0
    AND (h.held_until > ?10 + 0 OR h.held_until = ?10 + 0 AND h.sku > ? OR h.held_until = ?10 + 0
    AND h.sku = ?11 AND h.order_id > ? OR h.held_until = ?10 + 0 AND h.sku = ?11 AND h.order_id = ?12
    AND h.line > ?)
  ORDER BY h.held_until, h.sku, h.order_id, h.line LIMIT ?5) arm4
UNION ALL
SELECT * FROM (
  SELECT 3 AS kind, l.needed_by + 1 AS moment, l.sku AS sku, l.batch_ref AS ref, l.order_id AS order_id,
    l.line AS line, l.quantity - l.shipped AS units, 0 AS promised, l.late AS told
  FROM (SELECT b.sku, b.ref FROM allocation_batches b INDEXED BY allocation_batches_arriving
    WHERE b.eta >= ?9 + 0 AND b.dated = 1) b
      CROSS JOIN allocation_lines l INDEXED BY allocation_lines_leaving WHERE l.sku = b.sku
      AND l.batch_ref = b.ref AND l.open = 1 AND (l.held_until IS NULL OR l.held_until > l.needed_by + 1)
      AND l.needed_by + 1 <= ?1 + 0 AND l.needed_by + 1 >= ? + 0
      AND (l.needed_by + 1 > ?14 + 0 OR l.needed_by + 1 = ?14 + 0
      AND l.sku > ? OR l.needed_by + 1 = ?14 + 0 AND l.sku = ?15
      AND l.batch_ref > ? OR l.needed_by + 1 = ?14 + 0 AND l.sku = ?15 AND l.batch_ref = ?16
      AND l.order_id > ? OR l.needed_by + 1 = ?14 + 0 AND l.sku = ?15 AND l.batch_ref = ?16
      AND l.order_id = ?17 AND l.line > ?)
  ORDER BY l.needed_by, l.sku, l.batch_ref, l.order_id, l.line LIMIT ?5) arm5
UNION ALL
SELECT * FROM (
  SELECT 4 AS kind, w.needed_by + 1 AS moment, w.sku AS sku, '' AS ref, w.order_id AS order_id,
    w.line AS line, w.quantity AS units, 0 AS promised, 0 AS told
  FROM allocation_waiting w INDEXED BY allocation_waiting_needed
  WHERE w.needed_by >= ? + 0 - 1 AND w.needed_by < ?1 + 0
    AND w.needed_by + 1 <= ?1 + 0 AND w.needed_by + 1 >= ?19 + 0
      AND (w.needed_by + 1 > ?19 + 0 OR w.needed_by + 1 = ?19 + 0
      AND w.sku > ? OR w.needed_by + 1 = ?19 + 0 AND w.sku = ?20
      AND w.order_id > ? OR w.needed_by + 1 = ?19 + 0 AND w.sku = ?20 AND w.order_id = ?21 AND w.line > ?)
  ORDER BY w.needed_by, w.sku, w.order_id, w.line LIMIT ?5) arm6
;

-- name: view: products
-- Reads a page of products with their free units: Products.
-- Parameters: from, until, page, now.
WITH chosen (sku) AS (
  SELECT p.sku FROM allocation_products p
  WHERE p.sku >= ? AND p.sku < ?
  ORDER BY p.sku LIMIT ?),
found (ref, split, units) AS (
  SELECT h.batch_ref, MAX(h.split), SUM(CASE h.split WHEN 0 THEN h.quantity - h.shipped ELSE 0 END)
  FROM chosen c CROSS JOIN allocation_lines h INDEXED BY allocation_lines_held
  WHERE h.sku = c.sku AND h.part = 0 AND h.held_until <= ? + 0 GROUP BY h.batch_ref),
unbound (ref, units) AS (
  SELECT u.ref, SUM(u.units) FROM (
    SELECT f.ref, f.units FROM found f
    UNION ALL
    SELECT l.batch_ref, l.quantity - l.shipped
    FROM (SELECT 1 FROM found f WHERE f.split = 1 LIMIT 1) any_split CROSS JOIN chosen c
    CROSS JOIN allocation_lines h INDEXED BY allocation_lines_held CROSS JOIN allocation_lines l
    WHERE h.sku = c.sku AND h.part = 0 AND h.held_until <= ?4 + 0 AND h.split = 1
      AND l.order_id = h.order_id AND l.sku = h.sku AND l.line = h.line) u
  GROUP BY u.ref)
SELECT p.sku, p.version, NULL, 0, p.low_stock, p.low,
  CASE WHEN (SELECT w.sequence FROM allocation_waiting w INDEXED BY allocation_waiting_served
    WHERE w.sku = p.sku ORDER BY w.priority DESC, w.sequence LIMIT 1) IS NULL THEN 0 ELSE 1 END
FROM chosen c CROSS JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT b.sku, 0, b.eta, b.purchased - b.allocated, 0, 0, 0
FROM chosen c CROSS JOIN allocation_batches b INDEXED BY allocation_batches_for_sale WHERE b.sku = c.sku
  AND b.open = 1 AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ?4 AND (b.eta IS NULL OR b.best_before > b.eta))
UNION ALL
SELECT b.sku, 0, b.eta, u.units + CASE WHEN b.open = 1 THEN 0 ELSE b.purchased - b.allocated END, 0, 0, 0
FROM unbound u CROSS JOIN allocation_batches b WHERE b.ref = u.ref AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ?4 AND (b.eta IS NULL OR b.best_before > b.eta))
;

-- name: view: products with low stock
-- Reads a page of products with low stock: Products.
-- Parameters: from, until, page, now.
WITH chosen (sku) AS (
  SELECT p.sku FROM allocation_products p INDEXED BY allocation_products_low
  WHERE p.sku >= ? AND p.sku < ? AND p.low = 1
  ORDER BY p.sku LIMIT ?),
found (ref, split, units) AS (
  SELECT h.batch_ref, MAX(h.split), SUM(CASE h.split WHEN 0 THEN h.quantity - h.shipped ELSE 0 END)
  FROM chosen c CROSS JOIN allocation_lines h INDEXED BY allocation_lines_held
  WHERE h.sku = c.sku AND h.part = 0 AND h.held_until <= ? + 0 GROUP BY h.batch_ref),
unbound (ref, units) AS (
  SELECT u.ref, SUM(u.units) FROM (
    SELECT f.ref, f.units FROM found f
    UNION ALL
    SELECT l.batch_ref, l.quantity - l.shipped
    FROM (SELECT 1 FROM found f WHERE f.split = 1 LIMIT 1) any_split CROSS JOIN chosen c
    CROSS JOIN allocation_lines h INDEXED BY allocation_lines_held CROSS JOIN allocation_lines l
    WHERE h.sku = c.sku AND h.part = 0 AND h.held_until <= ?4 + 0 AND h.split = 1
      AND l.order_id = h.order_id AND l.sku = h.sku AND l.line = h.line) u
  GROUP BY u.ref)
SELECT p.sku, p.version, NULL, 0, p.low_stock, p.low,
  CASE WHEN (SELECT w.sequence FROM allocation_waiting w INDEXED BY allocation_waiting_served
    WHERE w.sku = p.sku ORDER BY w.priority DESC, w.sequence LIMIT 1) IS NULL THEN 0 ELSE 1 END
FROM chosen c CROSS JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT b.sku, 0, b.eta, b.purchased - b.allocated, 0, 0, 0
FROM chosen c CROSS JOIN allocation_batches b INDEXED BY allocation_batches_for_sale WHERE b.sku = c.sku
  AND b.open = 1 AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ?4 AND (b.eta IS NULL OR b.best_before > b.eta))
UNION ALL
SELECT b.sku, 0, b.eta, u.units + CASE WHEN b.open = 1 THEN 0 ELSE b.purchased - b.allocated END, 0, 0, 0
FROM unbound u CROSS JOIN allocation_batches b WHERE b.ref = u.ref AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ?4 AND (b.eta IS NULL OR b.best_before > b.eta))
;

-- name: view: products that lines wait for
-- Reads a page of products that lines wait for: Products.
-- Parameters: from, until, page, now.
WITH chosen (sku) AS (
  SELECT DISTINCT w.sku FROM allocation_waiting w INDEXED BY allocation_waiting_served
  WHERE w.sku >= ? AND w.sku < ?
  ORDER BY w.sku LIMIT ?),
found (ref, split, units) AS (
  SELECT h.batch_ref, MAX(h.split), SUM(CASE h.split WHEN 0 THEN h.quantity - h.shipped ELSE 0 END)
  FROM chosen c CROSS JOIN allocation_lines h INDEXED BY allocation_lines_held
  WHERE h.sku = c.sku AND h.part = 0 AND h.held_until <= ? + 0 GROUP BY h.batch_ref),
unbound (ref, units) AS (
  SELECT u.ref, SUM(u.units) FROM (
    SELECT f.ref, f.units FROM found f
    UNION ALL
    SELECT l.batch_ref, l.quantity - l.shipped
    FROM (SELECT 1 FROM found f WHERE f.split = 1 LIMIT 1) any_split CROSS JOIN chosen c
    CROSS JOIN allocation_lines h INDEXED BY allocation_lines_held CROSS JOIN allocation_lines l
    WHERE h.sku = c.sku AND h.part = 0 AND h.held_until <= ?4 + 0 AND h.split = 1
      AND l.order_id = h.order_id AND l.sku = h.sku AND l.line = h.line) u
  GROUP BY u.ref)
SELECT p.sku, p.version, NULL, 0, p.low_stock, p.low,
  CASE WHEN (SELECT w.sequence FROM allocation_waiting w INDEXED BY allocation_waiting_served
    WHERE w.sku = p.sku ORDER BY w.priority DESC, w.sequence LIMIT 1) IS NULL THEN 0 ELSE 1 END
FROM chosen c CROSS JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT b.sku, 0, b.eta, b.purchased - b.allocated, 0, 0, 0
FROM chosen c CROSS JOIN allocation_batches b INDEXED BY allocation_batches_for_sale WHERE b.sku = c.sku
  AND b.open = 1 AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ?4 AND (b.eta IS NULL OR b.best_before > b.eta))
UNION ALL
SELECT b.sku, 0, b.eta, u.units + CASE WHEN b.open = 1 THEN 0 ELSE b.purchased - b.allocated END, 0, 0, 0
FROM unbound u CROSS JOIN allocation_batches b WHERE b.ref = u.ref AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ?4 AND (b.eta IS NULL OR b.best_before > b.eta))
;

-- name: view: products with low stock that lines wait for
-- Reads a page of products with low stock that lines wait for: Products.
-- Parameters: from, until, page, now.
WITH chosen (sku) AS (
  SELECT p.sku FROM allocation_products p INDEXED BY allocation_products_low
  WHERE p.sku >= ? AND p.sku < ? AND p.low = 1 AND (SELECT w.sequence
    FROM allocation_waiting w INDEXED BY allocation_waiting_served
    WHERE w.sku = p.sku ORDER BY w.priority DESC, w.sequence LIMIT 1) IS NOT NULL
  ORDER BY p.sku LIMIT ?),
found (ref, split, units) AS (
  SELECT h.batch_ref, MAX(h.split), SUM(CASE h.split WHEN 0 THEN h.quantity - h.shipped ELSE 0 END)
  FROM chosen c CROSS JOIN allocation_lines h INDEXED BY allocation_lines_held
  WHERE h.sku = c.sku AND h.part = 0 AND h.held_until <= ? + 0 GROUP BY h.batch_ref),
unbound (ref, units) AS (
  SELECT u.ref, SUM(u.units) FROM (
    SELECT f.ref, f.units FROM found f
    UNION ALL
    SELECT l.batch_ref, l.quantity - l.shipped
    FROM (SELECT 1 FROM found f WHERE f.split = 1 LIMIT 1) any_split CROSS JOIN chosen c
    CROSS JOIN allocation_lines h INDEXED BY allocation_lines_held CROSS JOIN allocation_lines l
    WHERE h.sku = c.sku AND h.part = 0 AND h.held_until <= ?4 + 0 AND h.split = 1
      AND l.order_id = h.order_id AND l.sku = h.sku AND l.line = h.line) u
  GROUP BY u.ref)
SELECT p.sku, p.version, NULL, 0, p.low_stock, p.low,
  CASE WHEN (SELECT w.sequence FROM allocation_waiting w INDEXED BY allocation_waiting_served
    WHERE w.sku = p.sku ORDER BY w.priority DESC, w.sequence LIMIT 1) IS NULL THEN 0 ELSE 1 END
FROM chosen c CROSS JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT b.sku, 0, b.eta, b.purchased - b.allocated, 0, 0, 0
FROM chosen c CROSS JOIN allocation_batches b INDEXED BY allocation_batches_for_sale WHERE b.sku = c.sku
  AND b.open = 1 AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ?4 AND (b.eta IS NULL OR b.best_before > b.eta))
UNION ALL
SELECT b.sku, 0, b.eta, u.units + CASE WHEN b.open = 1 THEN 0 ELSE b.purchased - b.allocated END, 0, 0, 0
FROM unbound u CROSS JOIN allocation_batches b WHERE b.ref = u.ref AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ?4 AND (b.eta IS NULL OR b.best_before > b.eta))
;

-- name: view: orders
-- Reads a page of order ids: Orders.
-- Parameters: from, until, page.
SELECT order_id FROM (
  SELECT * FROM (
    SELECT DISTINCT o.order_id FROM allocation_lines o
    WHERE o.order_id >= ? AND o.order_id < ?
    ORDER BY o.order_id LIMIT ?) given
  UNION
  SELECT * FROM (
    SELECT DISTINCT o.order_id FROM allocation_waiting o
    WHERE o.order_id >= ?1 AND o.order_id < ?2
    ORDER BY o.order_id LIMIT ?3) queued) o
ORDER BY order_id LIMIT ?3
;

-- name: view: products with recent events
-- Finds the next products with events since a time, and the last event before: Entries.
-- Parameters: since, from, until, place, number, page.
SELECT p.sku, COALESCE((SELECT e.sequence FROM allocation_events e
    WHERE e.sku = p.sku AND e.at < ? + 0 ORDER BY e.sequence DESC LIMIT 1), 0)
FROM allocation_products p
WHERE p.sku >= ? AND p.sku < ? AND (SELECT e.sequence FROM allocation_events e WHERE e.sku = p.sku
  ORDER BY e.sequence DESC LIMIT 1) > COALESCE((SELECT e.sequence FROM allocation_events e
    WHERE e.sku = p.sku AND e.at < ?1 + 0 ORDER BY e.sequence DESC LIMIT 1), 0)
  AND (p.sku <> ? OR (SELECT e.sequence FROM allocation_events e WHERE e.sku = p.sku
    ORDER BY e.sequence DESC LIMIT 1) > ? + 0)
ORDER BY p.sku LIMIT ?
;

-- name: view: events of a product
-- Reads the first events of a product behind a number: Entries.
-- Parameters: sku0, after0, page.
SELECT sku, sequence, kind, data FROM (
  SELECT * FROM (
    SELECT e.sku, e.sequence, e.kind, e.data FROM allocation_events e
    WHERE e.sku = ? AND e.sequence > ?
    ORDER BY e.sequence LIMIT ?) arm) page
ORDER BY sku, sequence LIMIT ?3
;

-- name: view: events of two products
-- Reads the first events of two products: Entries. Up to 16 products repeat the part for each.
-- Parameters: sku0, after0, page, sku1, after1.
SELECT sku, sequence, kind, data FROM (
  SELECT * FROM (
    SELECT e.sku, e.sequence, e.kind, e.data FROM allocation_events e
    WHERE e.sku = ? AND e.sequence > ?
    ORDER BY e.sequence LIMIT ?) arm
  UNION ALL
  SELECT * FROM (
    SELECT e.sku, e.sequence, e.kind, e.data FROM allocation_events e
    WHERE e.sku = ? AND e.sequence > ?
    ORDER BY e.sequence LIMIT ?3) arm) page
ORDER BY sku, sequence LIMIT ?3
;

-- name: savepoint
-- Begins a commit inside a transaction of the host.
SAVEPOINT allocation_commit
;

-- name: back to the savepoint
-- Undoes a commit inside a transaction of the host.
ROLLBACK TO SAVEPOINT allocation_commit
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
  FROM allocation_lines l INDEXED BY allocation_lines_leaving
  WHERE l.sku = ? AND l.batch_ref = ? AND l.open = 1
  ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?) arm
UNION ALL
SELECT * FROM (
  SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
  FROM allocation_lines l INDEXED BY allocation_lines_shipped
  WHERE l.sku = ?1 AND l.batch_ref = ?2 AND l.open = 0
  ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?3) arm
;

-- name: repeated: events of a product
-- The part that is repeated for each product in Entries, with UNION ALL between.
-- Parameters: sku0, after0, page.
SELECT * FROM (
SELECT e.sku, e.sequence, e.kind, e.data FROM allocation_events e
WHERE e.sku = ? AND e.sequence > ?
ORDER BY e.sequence LIMIT ?) arm
;

-- name: migration: lock 1
-- Keeps other processes from migrating at the same time: Migrate.
BEGIN IMMEDIATE
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
-- Parameters: table.
SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = ?
;

-- name: schema: version
-- Reads the version of the tables: Migrate, CheckSchema, and any method that misses a table.
SELECT COALESCE(MAX(version), 0) FROM allocation_schema_version
;

-- name: schema: database
-- Names the database in an error about missing tables.
SELECT file FROM pragma_database_list WHERE name = 'main'
;

-- name: setting: foreign_keys
-- Reads a setting of the connection: CheckSchema.
PRAGMA foreign_keys
;
