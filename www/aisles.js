// Where a product stands in the shop. The log knows 24 departments, and one of them, GROCERY, holds seven products of ten;
// so its categories are laid out in aisles. The first aisle whose test matches "DEPARTMENT|CATEGORY" takes the product.

export const AISLES = [
  { id: "produce", name: "Fruit & vegetables", test: /^(PRODUCE\|(?!POPCORN|NUTS)|SALAD BAR)|ORGANIC CARROTS/ },
  { id: "baby", name: "Baby", test: /\|(BABY|INFANT|DIAPERS)/ },
  { id: "pets", name: "Pets", test: /\|(CAT |DOG |PET CARE|BIRD SEED)/ },
  {
    id: "care",
    name: "Health & beauty",
    test: /^COSMETICS|\|(ORAL|SOAP|HAIR|FEMININE|COLD AND|ANALG|SHAVING|FIRST AID|DEODOR|DIETARY|LAXAT|SINUS|EYE|ANTAC|VITAMIN|HAND|ADULT INC|FAMILY PL|FITNESS)/,
  },
  {
    id: "kiosk",
    name: "Kiosk & flowers",
    test: /^(FLORAL|FUEL|MISC|SPIRITS|TRAVEL|COUPON|GARDEN|GM |AUTOMOTIVE|RESTAURANT|CHEF|PHOTO|ELECT|CHARITABLE|TOYS)|\|(CIGAR|TOBACCO|MAGAZINE|NEWSPAPER|GREETING|PREPAID|TICKETS|EASTER|SPRING|CHRISTMAS|TOYS|FILM|IN-STORE|OVERNIGHT|FIREWORKS|STATIONERY|CHARCOAL|PROPANE|HALLOWEEN)/,
  },
  { id: "fish", name: "Fish", test: /^SEAFOOD/ },
  { id: "meat", name: "Meat", test: /^MEAT|\|(FROZEN CHICKEN)/ },
  { id: "deli", name: "Deli", test: /^DELI/ },
  { id: "bakery", name: "Bakery", test: /^PASTRY|\|(BAKED BREAD|BREAD$)/ },
  { id: "frozen", name: "Frozen", test: /\|(FRZN|FROZEN|ICE CREAM)/ },
  {
    id: "dairy",
    name: "Milk, cheese & eggs",
    test: /\|(FLUID MILK|CHEESE|YOGURT|EGGS|MILK BY|MARGARINE|BUTTER|MISC\. DAIRY|REFRGRATD DOUGH|REFRIGERATED|CANNED MILK)/,
  },
  {
    id: "home",
    name: "Cleaning & paper",
    test: /^DRUG GM\|(?!CANDY)|\|(BATH TISS|PAPER|LAUNDRY|HOUSEHOLD|DISHWASH|BLEACH|FACIAL|FD WRAPS|AIR CARE|DISPOS|INSECT)/,
  },
  {
    id: "snacks",
    name: "Snacks & sweets",
    test: /\|(CANDY|POPCORN|NUTS|BAG SNACKS|BAKED SWEET|CRACKERS|COOKIES|WAREHOUSE|SNACK|SNKS|CHIPS|RICE CAKES|DRIED FRUIT|PACKAGED NATURAL|NUTS)/,
  },
  {
    id: "breakfast",
    name: "Breakfast & coffee",
    test: /\|(COLD CEREAL|HOT CEREAL|CEREAL|CONVENIENT|COFFEE|TEAS|PNT BTR|COCOA|MOLASSES|SYRUPS)/,
  },
  {
    id: "drinks",
    name: "Drinks",
    test: /\|(SOFT DRINKS|WATER|BEERS|REFRGRATD JUICES|CANNED JUICES|ISOTONIC|PWDR|JUICE|BEVERAGE|NON-DAIRY BEV|NEW AGE|LIQUOR|.*WINE)/,
  },
  { id: "pantry", name: "Pantry", test: /./ },
];

/** The aisle of a product, from the log's department and category; either may be missing. */
export function aisleOf(department, category) {
  const place = `${department ?? ""}|${category ?? ""}`;
  return AISLES.find((aisle) => aisle.test.test(place)) ?? AISLES.at(-1);
}
