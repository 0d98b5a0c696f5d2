// A drawing for each product, since the sample has no pictures: the kind of package, in its aisle's colour, with the size
// printed on it. Colours come from classes in shop.css.
import { svg } from "./dom.js";

const path = (part, d) => svg("path", { class: part, d });
const rect = (part, x, y, width, height, rx = 0) => svg("rect", { class: part, x, y, width, height, rx });
const disc = (part, cx, cy, r) => svg("circle", { class: part, cx, cy, r });
const oval = (part, cx, cy, rx, ry) => svg("ellipse", { class: part, cx, cy, rx, ry });

// Each on 100 by 100, standing on y = 88. `label` says where the size is printed: its middle.
const SHAPES = {
  carton: {
    label: [50, 66],
    draw: () => [
      path("body", "M32 40h36v48H32z"),
      path("shade", "M32 40l6-16h24l6 16z"),
      rect("cap", 38, 17, 24, 8, 1.5),
      rect("paper", 32, 52, 36, 24),
    ],
  },
  bottle: {
    label: [50, 67],
    draw: () => [
      path("body", "M44 22h12v12c0 6 9 9 9 19v31q0 4-4 4H39q-4 0-4-4V53c0-10 9-13 9-19z"),
      rect("cap", 43, 14, 14, 9, 2),
      rect("paper", 35, 56, 30, 20),
    ],
  },
  bottles: {
    label: [50, 72],
    draw: () => [
      ...[25, 50, 75].flatMap((x) => [
        path("body", `M${x - 4} 28h8v8c0 5 6 8 6 15v37H${x - 10}V51c0-7 6-10 6-15z`),
        rect("cap", x - 5, 21, 10, 8, 2),
      ]),
      rect("paper", 13, 61, 74, 20, 2),
    ],
  },
  can: {
    label: [50, 59],
    draw: () => [
      rect("body", 31, 28, 38, 60, 5),
      rect("cap", 33, 24, 34, 7, 3),
      rect("cap", 33, 84, 34, 6, 3),
      rect("paper", 31, 46, 38, 25),
    ],
  },
  cans: {
    label: [50, 70],
    draw: () => [
      ...[18, 41, 64].flatMap((x) => [rect("shade", x, 30, 19, 30, 3), rect("cap", x + 2, 27, 15, 4, 2)]),
      rect("body", 12, 48, 76, 40, 4),
      rect("paper", 12, 60, 76, 19),
    ],
  },
  tin: {
    label: [50, 64],
    draw: () => [
      rect("body", 24, 42, 52, 46, 4),
      rect("cap", 26, 38, 48, 7, 3),
      rect("cap", 26, 84, 48, 6, 3),
      rect("paper", 24, 52, 52, 24),
    ],
  },
  bag: {
    label: [50, 59],
    draw: () => [
      path("body", "M28 20h44q-4 6-2 14l4 26q2 16-2 28H28q-4-12-2-28l4-26q2-8-2-14z"),
      path("shade", "M28 20h44l-2 7H30zM28 88h44l1-7H27z"),
      oval("paper", 50, 57, 20, 15),
    ],
  },
  box: {
    label: [44, 64],
    draw: () => [
      rect("body", 22, 22, 44, 66, 1.5),
      path("shade", "M66 22l11 6v54l-11 6z"),
      rect("paper", 22, 52, 44, 24),
      rect("cap", 28, 30, 26, 5, 2.5),
      rect("cap", 28, 39, 18, 5, 2.5),
    ],
  },
  slab: {
    label: [50, 68],
    draw: () => [
      rect("body", 14, 40, 72, 48, 2),
      path("shade", "M14 40l7-10h58l7 10z"),
      rect("paper", 14, 58, 72, 20),
    ],
  },
  jar: {
    label: [50, 65],
    draw: () => [
      path("body", "M35 34h30c0 6 7 7 7 15v33q0 6-6 6H34q-6 0-6-6V49c0-8 7-9 7-15z"),
      rect("cap", 32, 22, 36, 12, 3),
      rect("paper", 28, 53, 44, 23),
    ],
  },
  tub: {
    label: [50, 66],
    draw: () => [
      path("body", "M24 44h52l-6 40q-1 4-5 4H35q-4 0-5-4z"),
      rect("cap", 20, 36, 60, 9, 4),
      path("paper", "M26 55h48l-3 21H29z"),
    ],
  },
  cup: {
    label: [50, 65],
    draw: () => [
      path("body", "M32 34h36l-5 51q0 3-3 3H40q-3 0-3-3z"),
      rect("cap", 29, 28, 42, 8, 4),
      path("paper", "M34 54h32l-2 21H36z"),
    ],
  },
  eggs: {
    label: [50, 79],
    draw: () => [
      ...[26, 42, 58, 74].map((x) => path("paper", `M${x - 8} 64c0-16 4-24 8-24s8 8 8 24z`)),
      path("body", "M13 58h74l-5 26q-1 4-5 4H23q-4 0-5-4z"),
    ],
  },
  loaf: {
    label: [50, 68],
    draw: () => [
      path("shade", "M22 50c-9-2-9-20 6-20h44c15 0 15 18 6 20v38H22z"),
      path("body", "M27 48c-7-2-7-13 4-13h38c11 0 11 11 4 13v40H27z"),
      rect("paper", 27, 57, 46, 21),
    ],
  },
  bun: {
    draw: () => [
      path("body", "M16 64c0-24 16-36 34-36s34 12 34 36z"),
      rect("paper", 13, 64, 74, 9, 4),
      path("shade", "M17 73h66q0 15-11 15H28q-11 0-11-15z"),
      ...[[38, 46], [52, 40], [63, 50]].map(([x, y]) => oval("cap", x, y, 3, 2)),
    ],
  },
  donut: {
    draw: () => [
      path("body", "M50 32a28 28 0 1 1 0 56 28 28 0 0 1 0-56zm0 19a9 9 0 1 0 0 18 9 9 0 0 0 0-18z"),
      path("shade", "M50 32a28 28 0 0 1 28 28q-6 7-11 1-6 8-8-1a9 9 0 0 0-18 0q-3 8-8 0-6 6-11 0a28 28 0 0 1 28-28z"),
      ...[[38, 46], [50, 40], [63, 47]].map(([x, y]) => oval("paper", x, y, 2.4, 1.6)),
    ],
  },
  cookie: {
    draw: () => [
      disc("body", 50, 60, 28),
      ...[[40, 50], [58, 46], [63, 63], [46, 68], [33, 64], [55, 79]].map(([x, y]) => disc("cap", x, y, 3.6)),
    ],
  },
  wedge: {
    label: [44, 73],
    draw: () => [
      path("shade", "M14 62L70 32q16 6 16 30z"),
      rect("body", 14, 60, 72, 28, 2),
      disc("cap", 76, 74, 5),
      disc("cap", 64, 51, 5),
    ],
  },
  tray: {
    draw: () => [
      rect("cap", 12, 34, 76, 54, 8),
      path("body", "M24 56c2-14 18-16 30-14 16 2 26 10 22 24-3 12-16 14-26 12-14-2-28-6-26-22z"),
      path("shade", "M34 60c4-8 14-8 22-6 8 2 12 6 10 12-8-6-18-6-32-6z"),
    ],
  },
  fish: {
    draw: () => [
      path("body", "M12 58c12-20 38-24 56-6l18-14c-3 14-3 26 0 40L68 64c-18 18-44 14-56-6z"),
      path("shade", "M36 44c8 8 8 20 0 28 16 4 26-2 32-8V52c-8-8-20-12-32-8z"),
      disc("paper", 26, 54, 3),
    ],
  },
  round: {
    draw: () => [
      disc("body", 50, 60, 28),
      path("shade", "M50 88a28 28 0 0 0 24-43c2 22-12 36-34 41a28 28 0 0 0 10 2z"),
      path("leaf", "M50 34c0-12 8-18 20-18 0 12-8 18-20 18z"),
    ],
  },
  banana: {
    draw: () => [
      path("body", "M24 24c0 34 20 54 56 52 4 0 6 3 4 6-30 16-72-6-68-56z"),
      path("shade", "M17 40c4 32 30 50 67 42-30 16-68-2-67-42z"),
      path("leaf", "M15 28l1-10h7l2 9z"),
    ],
  },
  grapes: {
    draw: () => [
      ...[[32, 44], [50, 44], [68, 44], [41, 59], [59, 59], [50, 74]].map(([x, y], at) => disc(at % 2 ? "shade" : "body", x, y, 11)),
      path("leaf", "M50 34c0-12 8-18 22-18 0 12-8 18-22 18z"),
    ],
  },
  carrot: {
    draw: () => [
      path("body", "M38 40c8-6 18-6 26 0 0 20-6 36-12 48-8-12-14-28-14-48z"),
      path("shade", "M40 56h12v4H41zM50 68h8l-1 4h-7z"),
      path("leaf", "M50 38c-16-2-18-14-16-24 10 4 14 10 16 16 2-8 8-14 18-16 0 12-4 22-18 24z"),
    ],
  },
  leafy: {
    draw: () => [
      path("body", "M50 88C20 80 14 54 26 38c2-12 14-18 24-18s22 6 24 18c12 16 6 42-24 50z"),
      path("shade", "M50 88c-4-20-4-40 0-58 4 18 4 38 0 58zM48 66c-8-8-14-12-20-12 6 6 12 12 20 18zM52 66c8-8 14-12 20-12-6 6-12 12-20 18z"),
    ],
  },
  berry: {
    draw: () => [
      path("body", "M50 88C30 78 20 60 24 46c2-8 12-10 26-10s24 2 26 10c4 14-6 32-26 42z"),
      path("leaf", "M50 40L30 42l8-10-2-8 14 8 14-8-2 8 8 10z"),
      ...[[38, 54], [50, 62], [62, 54], [44, 72], [57, 73]].map(([x, y]) => oval("paper", x, y, 2, 2.6)),
    ],
  },
  roll: {
    label: [50, 64],
    draw: () => [
      path("body", "M24 36h52v44c0 4-12 8-26 8s-26-4-26-8z"),
      oval("paper", 50, 36, 26, 9),
      oval("shade", 50, 36, 8, 3),
      rect("paper", 24, 54, 52, 21),
    ],
  },
  jug: {
    label: [50, 69],
    draw: () => [
      path("body", "M38 26h16c4 6 22 10 22 26v30q0 6-6 6H30q-6 0-6-6V50c0-12 14-14 14-24z"),
      rect("cap", 36, 15, 20, 12, 3),
      path("hole", "M60 44c6 3 8 6 8 12h-8z"),
      rect("paper", 24, 60, 52, 19),
    ],
  },
  tube: {
    label: [50, 52],
    draw: () => [
      path("body", "M30 20h40l-6 56H36z"),
      rect("shade", 28, 16, 44, 7, 1),
      rect("cap", 38, 76, 24, 12, 2),
      path("paper", "M32 42h36l-2 20H34z"),
    ],
  },
  bowl: {
    draw: () => [
      path("leaf", "M22 52c4-16 16-20 24-12 6-10 24-8 30 12z"),
      disc("shade", 62, 47, 7),
      path("body", "M14 52h72c0 22-14 36-36 36S14 74 14 52z"),
      rect("cap", 11, 49, 78, 6, 3),
    ],
  },
  sheet: {
    draw: () => [
      rect("shade", 30, 20, 46, 66, 1.5),
      rect("body", 24, 24, 46, 64, 1.5),
      rect("paper", 30, 31, 34, 11),
      ...[50, 58, 66, 74].map((y) => rect("cap", 30, y, y === 74 ? 20 : 34, 3, 1.5)),
    ],
  },
  pump: {
    draw: () => [
      rect("body", 28, 22, 36, 66, 4),
      rect("paper", 34, 29, 24, 18, 2),
      rect("cap", 22, 84, 48, 5, 2),
      path("shade", "M64 40h4q6 0 6 6v22a4 4 0 0 0 8 0V42l-9-9 3-3 11 10v28a9 9 0 0 1-18 0V46h-5z"),
    ],
  },
  flower: {
    draw: () => [
      path("leaf", "M48 52h4v36h-4zM50 76c0-12 10-16 20-16 0 12-8 16-20 16z"),
      ...[[50, 24], [66, 36], [60, 54], [40, 54], [34, 36]].map(([x, y]) => disc("body", x, y, 12)),
      disc("paper", 50, 41, 9),
    ],
  },
};

// The first that fits draws the fruit or vegetable; the others are round.
const FRUIT = [
  [/BANANA/, "banana"],
  [/GRAPES/, "grapes"],
  [/CARROT/, "carrot"],
  [/BERR/, "berry"],
  [/LETTUCE|SALAD MIX|GREENS|SPINACH|CABBAGE|CELERY|HERBS|BROCCOLI|ASPARAGUS/, "leafy"],
  [/SALAD BAR|PROCESSED|VALUE ADDED|TRAY/, "bowl"],
];

// The first that fits the type, or else "CATEGORY TYPE SIZE", draws the product; else its aisle does.
const BY_WORDS = [
  [/CANNED|SHELF STABLE|CAT FOOD .*CAN|^SOUP|DOG FOODS CAN/, "tin"],
  [/EGGS/, "eggs"],
  [/PK CAN|15PK|24PK|BEER/, "cans"],
  [/MLT-PK/, "bottles"],
  [/SOFT DRINKS|WATER|WINE|DRESSING|\bOIL|VINEGAR|CATSUP|SAUCE|SYRUP|JUICE DRINK|ISOTONIC|MOUTHWASH|SHAMPOO|LOTION/, "bottle"],
  [/MILK|CREAMER|JUICE|DAIRY CASE/, "carton"],
  [/YOGURT|DIPS|CREAM CHEESE|MARGARINE.*TUB|SOUR CREAM|COTTAGE|ICE CREAM|PUDDING/, "tub"],
  [/^BUTTER$|MARGARINE/, "slab"],
  [/PEANUT|MUSTARD|JELLY|JAM|PICKLE|OLIVE|SALSA|COFFEE|SPICES|HONEY/, "jar"],
  [/CHEESES? .*(SLIC|SINGLE|CHUNK|NATURAL)|^CHEESES/, "wedge"],
  [/DONUT|BAGEL/, "donut"],
  [/COOKIE/, "cookie"],
  [/BUNS|ROLLS|MUFFIN|CAKE/, "bun"],
  [/BREAD(?!ED|ING)|WHEAT\/MULTI/, "loaf"],
  [/PIZZA|DINNERS|ENTREES|BAR|WAFFLE|POPCORN/, "slab"],
  [/CEREAL|MIX|CRACKER|PASTA|MACARONI|RICE|TEA|TOASTER|DETERGENT.*POWDER|FOIL|BAGS|TISSUE & PAPER/, "box"],
  [/LAUNDRY|BLEACH|DETERGENT|CLEAN|SOFTENER/, "jug"],
  [/TISSUE|TOWEL|NAPKIN/, "roll"],
  [/TOOTHPASTE|CREAM|OINTMENT|DEODOR/, "tube"],
  [/CHIPS|SNACK|CANDY|SUGAR|FLOUR|FRZN|FROZEN|FRIES|SHREDDED/, "bag"],
  [/GASOLINE/, "pump"],
  [/CARDS|MAGAZINE|NEWSPAPER|STATIONERY|COUPON/, "sheet"],
  [/FLORAL|ROSES|GARDEN/, "flower"],
  [/CIGARETTES/, "box"],
  [/NOODLE/, "cup"],
  [/SALAD/, "bowl"],
];
const BY_AISLE = {
  produce: "round", baby: "jar", pets: "bag", care: "tube", kiosk: "box", fish: "fish", meat: "tray", deli: "tray", bakery: "loaf",
  frozen: "bag", dairy: "carton", home: "jug", snacks: "bag", breakfast: "box", drinks: "bottle", pantry: "tin",
};

// Fruit and vegetables have colours of their own.
const TINTS = [
  [/BANANA|LEMON|YELLOW|PINEAPPLE|GOLD|CORN/, "yellow"],
  [/GREEN|LETTUCE|SALAD|LIME|CUCUMBER|CABBAGE|CELERY|BROCCOLI|SPINACH|AVOCADO|ZUCCHINI|HERBS|GRANNY|WHITE|KIWI|ASPARAGUS|BEANS/, "green"],
  [/RED|TOMATO|STRAWBERR|CHERR|GALA|RASPBERR|RADISH|WATERMELON/, "red"],
  [/ORANGE|CARROT|CANTALOUPE|PEACH|TANGERIN|CLEMENTIN|SWEET|APRICOT|MANGO|PUMPKIN|NECTARINE/, "orange"],
  [/BLUE|BLACK|PLUM|GRAPE/, "purple"],
  [/POTATO|ONION|MUSHROOM|NUT|RUSSET|GARLIC/, "brown"],
];

// Dough stands in other aisles too, and is no bluer there.
const BAKED = new Set(["bun", "cookie", "donut", "loaf"]);

/** The drawing of a product; for the eye alone, its name stands beside it. */
export function pack(product) {
  const words = `${product.category} ${product.type} ${product.size}`;
  const kind = product.aisle.id === "produce" ? find(FRUIT, words) : find(BY_WORDS, product.type) ?? find(BY_WORDS, words);
  const { draw, label } = SHAPES[kind ?? BY_AISLE[product.aisle.id]];
  const tint = product.aisle.id === "produce" ? find(TINTS, words) : BAKED.has(kind) && product.aisle.id !== "bakery" && "brown";
  return svg(
    "svg",
    { class: `pack shade-${Number(product.id) % 4}${tint ? ` tint-${tint}` : ""}`, viewBox: "0 0 100 100", "aria-hidden": "true" },
    ...draw(),
    label && product.sizeName && svg("text", { class: "size", x: label[0], y: label[1], text: shortSize(product.sizeName) }),
  );
}

function find(rules, words) {
  return rules.find(([test]) => test.test(words))?.[1] ?? null;
}

function shortSize(size) {
  const first = size.split(/ [×(]/)[0];
  return first.length <= 7 ? first : first.replace(/ (count|dozen)/, (unit) => (unit === " count" ? " ct" : " doz")).slice(0, 7);
}
