"""knowledge.py PRODUCTS OUT: knowledge of the Complete Journey's grocery, from its table of products (pandas, pyarrow).

Categories are the table's (type below category below department); brands are tags. What a shop would know besides is
made up here, and the same each time: every twentieth product is out of stock.
"""

import json
import sys

import pandas as pd

RULES = [
    {"name": "no tobacco", "categories": ["category CIGARETTES", "category CIGARS"], "never": True},
    {
        "name": "no alcohol beside baby things",
        "categories": ["department SPIRITS", "category BEERS/ALES", "category DOMESTIC WINE", "category IMPORTED WINE"],
        "never": True,
        "when": {"categories": ["category BABY FOODS", "category BABYFOOD", "category BABY HBC", "category DIAPERS & DISPOSABLES"]},
    },
    {"name": "own brand", "tags": ["Private"], "boost": 0.1},
]


def knowledge(products):
    """The file's members, of a table with a row a product."""
    items, categories = {}, {}
    for place, row in enumerate(products.sort_values("product_id").itertuples()):
        # Kinds stand before the names: a type may be called as a category is.
        levels = [("type", row.product_type), ("category", row.product_category), ("department", row.department)]
        path = [f"{kind} {name}" for kind, name in levels if pd.notna(name)]
        for below, above in zip(path, path[1:]):
            categories.setdefault(below, above)
        facts = {"category": path[0]} if path else {}
        items[str(row.product_id)] = facts | {"tags": [row.brand], "stock": 0 if place % 20 == 7 else 1}
    return {"version": 1, "items": items, "categories": categories, "rules": RULES}


if __name__ == "__main__":
    source, out = sys.argv[1:]
    with open(out, "w") as file:
        json.dump(knowledge(pd.read_parquet(source)), file, indent=1)
