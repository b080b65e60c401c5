"""The analytics of a day as one hand-written DuckDB query, as fast as we know how.

Sales are added up by customer record before anything is joined, and the few that need
more (web orders, returns and what they name) are taken apart from the many that do not.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks import LAST
from benchmarks.customer_analytics import evaluate
from benchmarks.worker import Outcome, Stopwatch

COLUMNS = """sale_id, business_date, customer_id, source, source_id, web_order_number,
    return_for, is_completed, is_order, total_incl_cents, refunded_incl_cents"""

FIGURES = """
    sum({value}) AS value,
    sum({value}) FILTER (business_date > {start}) AS recent,
    count(*) FILTER (is_order) AS orders,
    count(*) FILTER (is_order AND business_date > {start}) AS recent_orders,
    count(*) FILTER (is_order AND {ecom}) AS ecom,
    min(business_date) FILTER (is_order) AS first_day,
    max(business_date) FILTER (is_order) AS last_day,
    sum(refunded_incl_cents) AS refunded
"""

QUERY = """
WITH RECURSIVE sales AS (
  SELECT * FROM read_parquet($sales) WHERE business_date <= {day}
),
identities AS (SELECT * FROM read_parquet($identities)),
walk_in AS (SELECT customer_id FROM read_parquet($customers) WHERE is_walk_in),
records AS (
  SELECT record_id, person_id FROM identities WHERE record_kind = 'customer'
),
people AS (
  SELECT person_id, bool_or(record_kind = 'customer') AS is_customer
  FROM identities WHERE is_live AND person_id IS NOT NULL GROUP BY person_id
),
orders AS MATERIALIZED (
  SELECT order_number, order_date, total_cents, person_id, sale_id AS named,
    payment_status IN ('ACCEPTED', 'PAID', 'PARTIALLY_REFUNDED')
      AND fulfillment_status NOT IN ('WILL_NOT_DELIVER', 'RETURNED') AS is_paid
  FROM read_parquet($orders) LEFT JOIN identities ON record_id = ecom_customer_id
  WHERE order_date <= {day}
),
marked AS MATERIALIZED (
  SELECT {columns} FROM sales
  WHERE source LIKE 'ecw:%' OR web_order_number IS NOT NULL OR return_for IS NOT NULL
),
named AS MATERIALIZED (  -- other sales that an order or an unnamed return names
  SELECT {columns} FROM sales WHERE sale_id IN (
    (SELECT named FROM orders UNION SELECT return_for FROM marked
      WHERE customer_id IS NULL OR customer_id IN (FROM walk_in))
    EXCEPT SELECT sale_id FROM marked)
),
special AS MATERIALIZED (
  SELECT *, customer_id IS NULL OR customer_id IN (FROM walk_in) AS is_nobodys
  FROM (FROM marked UNION ALL FROM named)
),
by_source AS (
  SELECT sale_id, order_number, person_id FROM special
  JOIN orders ON source LIKE 'ecw:%' AND source_id = order_number
),
stronger AS MATERIALIZED (
  SELECT * FROM by_source
  UNION ALL
  SELECT sale_id, order_number, person_id FROM special
  JOIN orders ON web_order_number = order_number
  WHERE return_for IS NULL
    AND sale_id NOT IN (SELECT sale_id FROM by_source)
    AND order_number NOT IN (SELECT order_number FROM by_source)
),
matched AS MATERIALIZED (
  SELECT * FROM stronger
  UNION ALL
  FROM (  -- what the export alone names; of several orders, the lowest has the sale
    SELECT sale_id, order_number, person_id FROM special
    JOIN orders ON named = sale_id
    WHERE order_number NOT IN (SELECT order_number FROM stronger)
      AND (source LIKE 'ecw:%' AND source_id <> order_number) IS NOT TRUE
      AND (web_order_number <> order_number) IS NOT TRUE
    QUALIFY row_number() OVER (
      PARTITION BY sale_id ORDER BY length(order_number), order_number) = 1
  )
),
nobodys AS MATERIALIZED (
  SELECT sale_id, return_for, matched.person_id
  FROM special LEFT JOIN matched USING (sale_id) WHERE is_nobodys
),
walk AS (  -- from each return to what it returns, and on, until somebody is known
  SELECT sale_id, return_for AS step FROM nobodys
  WHERE person_id IS NULL AND return_for IS NOT NULL
  UNION ALL
  SELECT walk.sale_id, nobodys.return_for
  FROM walk JOIN nobodys ON nobodys.sale_id = step
  WHERE nobodys.person_id IS NULL AND nobodys.return_for IS NOT NULL
),
tied AS MATERIALIZED (  -- unnamed sales that an order or a sale gives a person
  SELECT sale_id, person_id FROM nobodys WHERE person_id IS NOT NULL
  UNION ALL
  SELECT walk.sale_id, coalesce(nobodys.person_id, records.person_id)
  FROM walk JOIN special ON special.sale_id = step
  LEFT JOIN nobodys ON nobodys.sale_id = step
  LEFT JOIN records ON record_id = special.customer_id AND NOT is_nobodys
  WHERE coalesce(nobodys.person_id, records.person_id) IS NOT NULL
),
parts AS (
  SELECT person_id, figures.* FROM (
    SELECT customer_id, {of_sales} FROM sales
    WHERE is_completed AND customer_id IS NOT NULL
      AND customer_id <> (FROM walk_in)
    GROUP BY customer_id
  ) AS figures JOIN records ON record_id = customer_id
  UNION ALL BY NAME
  SELECT person_id, {of_sales} FROM special JOIN tied USING (sale_id)
  WHERE is_completed GROUP BY person_id
  UNION ALL BY NAME
  SELECT person_id, sum(total_cents) AS value,
    sum(total_cents) FILTER (order_date > {start}) AS recent, count(*) AS orders,
    count(*) FILTER (order_date > {start}) AS recent_orders, count(*) AS ecom,
    min(order_date) AS first_day, max(order_date) AS last_day, 0 AS refunded
  FROM orders
  WHERE is_paid AND order_number NOT IN (SELECT order_number FROM matched)
  GROUP BY person_id
  UNION ALL BY NAME  -- orders of the till that are a web order by note or export
  SELECT coalesce(tied.person_id, records.person_id) AS person_id, count(*) AS ecom
  FROM special JOIN matched USING (sale_id) LEFT JOIN tied USING (sale_id)
  LEFT JOIN records ON record_id = customer_id AND NOT is_nobodys
  WHERE is_completed AND is_order AND source NOT LIKE 'ecw:%'
  GROUP BY 1
),
sums AS (
  SELECT person_id, sum(value) AS value, coalesce(sum(recent), 0) AS recent,
    sum(orders) AS orders, sum(recent_orders) AS recent_orders, sum(ecom) AS ecom,
    min(first_day) AS first_day, max(last_day) AS last_day, sum(refunded) AS refunded
  FROM parts WHERE person_id IS NOT NULL GROUP BY person_id
),
figures AS (
  SELECT {day} AS as_of, person_id AS customer_id,
    coalesce(value, 0)::BIGINT AS lifetime_value_cents,
    coalesce(recent, 0)::BIGINT AS rolling_90_day_value_cents,
    coalesce(orders, 0)::BIGINT AS order_count,
    coalesce(recent_orders, 0)::BIGINT AS rolling_90_day_order_count,
    sign(value)::BIGINT * ((2 * abs(value)::BIGINT + orders::BIGINT)
      // nullif(2 * orders::BIGINT, 0)) AS average_order_value_cents,
    first_day AS first_order_date, last_day AS last_order_date,
    date_diff('day', last_day, {day}) AS days_since_last_order,
    coalesce(ecom, 0)::BIGINT AS ecom_order_count,
    coalesce(orders - ecom, 0)::BIGINT AS retail_order_count,
    coalesce(refunded, 0)::BIGINT AS refunded_value_cents
  FROM people LEFT JOIN sums USING (person_id)
  WHERE is_customer OR value IS NOT NULL
)
SELECT *, lifetime_value_cents >= 100000 AS is_vip,
  lifetime_value_cents BETWEEN 50000 AND 99999 AS is_high_value,
  CASE WHEN days_since_last_order IS NULL THEN 'never'
    WHEN days_since_last_order >= 90 THEN '90d'
    WHEN days_since_last_order >= 60 THEN '60d'
    WHEN days_since_last_order >= 30 THEN '30d' ELSE 'active' END AS inactive_segment,
  CASE WHEN rolling_90_day_value_cents >= 150000 THEN 'Evergreen'
    WHEN rolling_90_day_value_cents >= 75000 THEN 'Bloom'
    WHEN rolling_90_day_value_cents >= 25000 THEN 'Sprout'
    WHEN order_count > 0 THEN 'Seed' ELSE 'None' END AS tier
FROM figures
"""


def measure(stopwatch: Stopwatch, folder: str) -> Outcome:
    """Run the query on the files and take its rows as a frame."""
    import duckdb

    with stopwatch.running():
        tables = Path(folder) / "warehouse"
        start = f"TIMESTAMP '{LAST - timedelta(days=90)}'"
        of_sales = FIGURES.format(
            value="total_incl_cents", start=start, ecom="source LIKE 'ecw:%'"
        )
        query = QUERY.format(
            day=f"TIMESTAMP '{LAST}'", start=start, of_sales=of_sales, columns=COLUMNS
        )
        given = {
            "sales": sorted(str(path) for path in tables.glob("raw_sales/*.parquet")),
            "identities": str(
                tables / "customer_identities/customer_identities.parquet"
            ),
            "customers": str(tables / "customers/customers.parquet"),
            "orders": str(tables / "ecom_orders/ecom_orders.parquet"),
        }
        settings: dict[str, Any] = {
            "threads": os.cpu_count() or 1,
            "preserve_insertion_order": False,
        }
        with duckdb.connect(config=settings) as connection:
            frame = connection.execute(query, given).df()
    return evaluate(frame)
