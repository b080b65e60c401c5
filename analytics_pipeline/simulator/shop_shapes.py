"""How customers, products, outlets, registers and the store itself look on the wire.

One shape each, the same in every API version (the dated versions add a field to
the customer).  What the simulated store does not know is empty as a real account
has it: null where the interface allows it, else an empty string or a zero.
"""

from analytics_pipeline.simulator.json_text import template_of

_ADDRESS = ("address_1", "address_2", "suburb", "city", "postcode", "state")
_PLACES = (*_ADDRESS, "country_id")

_CUSTOMER = {
    "id": "@id",
    "customer_code": "@customer_code",
    "first_name": "@first_name",
    "last_name": "@last_name",
    "name": "@name",
    "company_name": "@company_name",
    "email": "@email",
    "phone": "@phone",
    "mobile": "@mobile",
    "fax": None,
    "twitter": None,
    "website": None,
    "gender": None,
    "date_of_birth": None,
    "note": None,
    "do_not_email": "@do_not_email",
    "enable_loyalty": True,
    "loyalty_balance": "@zero",
    "balance": "@zero",
    "year_to_date": "@zero",
    "on_account_limit": None,
    "tax_id": None,
    "customer_group_id": "@group_id",
    **{f"custom_field_{n}": None for n in range(1, 5)},
    **{f"physical_{part}": None for part in _PLACES},
    **{f"postal_{part}": None for part in _PLACES},
    "created_at": "@created_at",
    "updated_at": "@updated_at",
    "deleted_at": "@deleted_at",
    "version": "@version",
}

CUSTOMER = template_of(_CUSTOMER)
DATED_CUSTOMER = template_of(
    {**_CUSTOMER, "enable_promotional_sms": "@enable_promotional_sms"}
)

CUSTOMER_GROUP = template_of(
    {
        "id": "@id",
        "name": "@name",
        "group_id": "@group_id",
        "retailer_id": "@retailer_id",
        "created_at": "2015-03-02T09:00:00Z",
        "updated_at": "2015-03-02T09:00:00Z",
        "deleted_at": "@deleted_at",
        "version": "@version",
    }
)

OUTLET = template_of(
    {
        "id": "@id",
        "name": "@name",
        "time_zone": "@time_zone",
        "default_tax_id": "@tax_id",
        "currency": "@currency",
        "currency_symbol": "$",
        "display_prices": "exclusive",
        **{f"physical_{part}": "" for part in _PLACES},
        "email": "",
        "phone": "",
        "latitude": None,
        "longitude": None,
        "attributes": [],
        "deleted_at": "@deleted_at",
        "version": "@version",
    }
)

REGISTER = template_of(
    {
        "id": "@id",
        "name": "@name",
        "outlet_id": "@outlet_id",
        "ask_for_note_on_save": 1,
        "print_note_on_receipt": False,
        "ask_for_user_on_sale": False,
        "show_discounts_on_receipts": True,
        "print_receipt": True,
        "email_receipt": False,
        "invoice_prefix": "",
        "invoice_suffix": "",
        "invoice_sequence": 1,
        "button_layout_id": None,
        "is_open": True,
        "is_quick_keys_enabled": True,
        "receipt_template_id": "@template_id",
        "register_open_time": None,
        "register_close_time": None,
        "register_open_sequence_id": "@open_sequence_id",
        "cash_managed_payment_type_id": None,
        "deleted_at": "@deleted_at",
        "version": "@version",
    }
)

RETAILER = template_of(
    {
        "id": "@id",
        "name": "@name",
        "domain_prefix": "@domain_prefix",
        "store_url": "",
        "account_status": "active",
        "account_type": "plus",
        "activated_at": None,
        "country": "@country",
        "created_at": "2015-03-02T09:00:00Z",
        "culture": "en_US",
        "currency": {"code": "@currency", "symbol": "$"},
        "discount_product_id": "@discount_product_id",
        "no_tax_group_id": "@no_tax_id",
        "enable_line_item_consolidation": True,
        "gift_cards": {"enabled": True, "never_enabled": False},
        "loyalty": {
            "enabled": True,
            "ratio": "@zero",
            "claim_url": "",
            "send_welcome_email": False,
        },
        "on_account": True,
        "sku_sequence": {"enabled": True, "value": 10000},
        "sso_enabled": False,
        "store_credit": True,
        "tax_exclusive": True,
        "timezone": "@time_zone",
        "version": "@version",
    }
)

PRODUCT = template_of(
    {
        "id": "@id",
        "source_id": None,
        "source_variant_id": None,
        "variant_parent_id": "@parent_id",
        "name": "@name",
        "variant_name": "@variant_name",
        "handle": "@handle",
        "sku": "@sku",
        "supplier_code": None,
        "active": "@is_active",
        "is_active": "@is_active",
        "has_inventory": True,
        "has_variants": "@has_variants",
        "is_composite": False,
        "description": "<p>Ask Ada before you order more.</p>",
        "source": "USER",
        "account_code": None,
        "supply_price": "@zero",
        "type": "@category",
        "product_category": "@category",
        "supplier": "@supplier",
        "brand": "@brand",
        "variant_options": [],
        "categories": [],
        "attributes": [],
        "tag_ids": [],
        "product_codes": [],
        "created_at": "@created_at",
        "updated_at": "@created_at",
        "deleted_at": "@deleted_at",
        "version": "@version",
    }
)
