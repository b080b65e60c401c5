"""How one sale looks on the wire: flat in API 2.0, nested in the dated versions.

The same slots (``"@name"``) in two arrangements, so the two cannot differ.
In the flat line each amount has its older and its newer name.
"""

from analytics_pipeline.simulator.json_text import template_of

_NO_CHARGES = {"charges": [], "total": "@zero", "total_tax": "@zero"}

FLAT_SALE = template_of(
    {
        "id": "@id",
        "outlet_id": "@outlet_id",
        "register_id": "@register_id",
        "user_id": "@user_id",
        "customer_id": "@customer_id",
        "invoice_number": "@invoice_number",
        "receipt_number": "@invoice_number",
        "source": "@source",
        "source_id": "@source_id",
        "complete_open_sequence_id": None,
        "accounts_transaction_id": None,
        "has_unsynced_on_account_payments": None,
        "status": "@status",
        "state": "@state",
        "attributes": ["@attributes"],
        "note": "@note",
        "short_code": "@short_code",
        "return_for": "@return_for",
        "return_ids": ["@return_ids"],
        "total_price": "@total_price",
        "total_tax": "@total_tax",
        "total_price_incl": "@total_price_incl",
        "total_loyalty": "@zero",
        "total_surcharge": "@zero",
        "sale_date": "@sale_date",
        "created_at": "@created_at",
        "updated_at": "@updated_at",
        "deleted_at": "@deleted_at",
        "line_items": ["@line_items"],
        "payments": ["@payments"],
        "taxes": [{"id": "@tax_id", "amount": "@total_tax"}],
        "adjustments": [],
        "external_applications": [],
        "ecom_custom_charges": {**_NO_CHARGES, "total_incl": "@zero"},
        "version": "@version",
    }
)

FLAT_LINE = template_of(
    {
        "id": "@id",
        "product_id": "@product_id",
        "tax_id": "@tax_id",
        "salesperson_id": None,
        "quantity": "@quantity",
        "price": "@price",
        "unit_price": "@price",
        "price_total": "@total",
        "total_price": "@total",
        "discount": "@discount",
        "unit_discount": "@discount",
        "discount_total": "@discount_total",
        "total_discount": "@discount_total",
        "cost": "@cost",
        "unit_cost": "@cost",
        "cost_total": "@cost_total",
        "total_cost": "@cost_total",
        "tax": "@tax",
        "unit_tax": "@tax",
        "tax_total": "@tax_total",
        "total_tax": "@tax_total",
        "loyalty_value": "@zero",
        "unit_loyalty_value": "@zero",
        "total_loyalty_value": "@zero",
        "note": None,
        "return_reason": None,
        "gift_card_number": "@gift_card_number",
        "price_set": False,
        "status": "@status",
        "sequence": "@sequence",
        "is_return": "@is_return",
        "promotions": ["@promotions"],
        "surcharges": [],
        "tax_components": [{"rate_id": "@tax_id", "total_tax": "@tax_total"}],
    }
)

PROMOTION = template_of(
    {
        "amount": "@amount",
        "name": "Three for two",
        "promotion_id": "@promotion_id",
        "promo_code": None,
        "promo_code_id": None,
    }
)

FLAT_PAYMENT = template_of(
    {
        "id": "@id",
        "register_id": "@register_id",
        "outlet_id": "@outlet_id",
        "register_open_sequence_id": "@open_sequence_id",
        "retailer_payment_type_id": "@config_id",
        "payment_type_id": "@type_id",
        "name": "@name",
        "amount": "@amount",
        "payment_date": "@date",
        "source_id": None,
        "surcharge": None,
        "deleted_at": "@deleted_at",
        "external_applications": [],
        "external_attributes": [],
    }
)

NESTED_SALE = template_of(
    {
        "id": "@id",
        "date": "@sale_date",
        "invoice_number": "@invoice_number",
        "receipt_number": "@invoice_number",
        "short_code": "@short_code",
        "state": "@state",
        "note": "@note",
        "customer_id": "@customer_id",
        "attributes": ["@attributes"],
        "source": {
            "id": "@source_id",
            "type": "@source",
            "author": {"id": "@user_id"},
            "register_id": "@register_id",
            "outlet_id": "@outlet_id",
        },
        "line_items": ["@line_items"],
        "payments": ["@payments"],
        "return": {
            "original_sale_id": "@return_for",
            "return_sale_ids": ["@return_ids"],
            "is_return": "@is_return",
        },
        "taxes": [{"id": "@tax_id", "tax": "@total_tax"}],
        "totals": {
            "price": "@total_price",
            "tax": "@total_tax",
            "loyalty": "@zero",
            "surcharge": "@zero",
            "price_incl_tax": "@total_price_incl",
        },
        "adjustments": [],
        "external_applications": [],
        "ecom_custom_charges": [],
        "created_at": "@created_at",
        "updated_at": "@updated_at",
        "deleted_at": "@deleted_at",
        "_metadata": {
            "version": "@version",
            "xero_reference": None,
            "complete_open_sequence_id": None,
            "has_unsynced_on_account_payments": None,
        },
    }
)

NESTED_LINE = template_of(
    {
        "id": "@id",
        "quantity": "@quantity",
        "product": {"id": "@product_id"},
        "pricing": {
            "price": "@price",
            "discount": "@discount",
            "cost": "@cost",
            "loyalty_amount": "@zero",
            "total": "@total",
            "discount_total": "@discount_total",
            "cost_total": "@cost_total",
            "loyalty_amount_total": "@zero",
        },
        "tax": {"id": "@tax_id", "amount": "@tax", "total": "@tax_total"},
        "status": "@status",
        "promotions": ["@promotions"],
        "note": None,
        "surcharges": [],
        "customizations": [],
        "return": {"is_return": "@is_return", "reason": None},
        "gift_card_number": "@gift_card_number",
        "salesperson_id": None,
        "_metadata": {
            "sequence": "@sequence",
            "is_price_override": False,
            "tax_components": [{"rate_id": "@tax_id", "total_tax": "@tax_total"}],
        },
    }
)

NESTED_PAYMENT = template_of(
    {
        "id": "@id",
        "amount": "@amount",
        "date": "@date",
        "deleted_at": "@deleted_at",
        "billing_address_id": None,
        "type": {"id": "@type_id", "name": "@name", "config_id": "@config_id"},
        "source": {
            "id": None,
            "outlet_id": "@outlet_id",
            "register_id": "@register_id",
        },
        "surcharge": None,
        "external_applications": [],
        "external_attributes": [],
        "_metadata": {"register_open_sequence_id": "@open_sequence_id"},
    }
)
