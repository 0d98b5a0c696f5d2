// Plain words for a shop's log: "SFT DRNK 2 LITER BTL CARB INCL" is "Soft drink, 2-litre bottle".
// The sample has no product names; a name here is the log's product type, spelled out.

// What spelling out word by word would leave hard to read: the most bought types, and those that the log cut short.
const TYPES = {
  "ALL FAMILY CEREAL": "Family cereal",
  "ASEPTIC PACK JUICE AND DRINKS": "Juice boxes",
  "BABY FOOD JUNIOR ALL BRANDS": "Baby food, junior",
  "BEANS GREEN: FS/WHL/CUT": "Green beans",
  "BEERALEMALT LIQUORS": "Beer",
  "BLENDED JUICE&COMBINATIONS (OV": "Blended juice",
  "BUTTER SPRAY CRACKER (RITZ/CLU": "Butter crackers",
  "CANDY BAGS-NON CHOCOLATE": "Candy, bag",
  "CANDY BAGS-CHOCOCLATE": "Chocolate candy, bag",
  "CANDY BARS (MULTI PACK)": "Candy bars, multipack",
  "CANDY BARS (SINGLES)(INCLUDING": "Candy bar",
  "CANISTER POTATO/TORT CHIPS": "Chips, canister",
  "CARDS EVERYDAY": "Greeting card",
  "CARROTS MINI PEELED": "Mini carrots, peeled",
  "CONDENSED SOUP": "Condensed soup",
  "DAIRY CASE 100% PURE JUICE - O": "Chilled juice, 100%",
  "DAIRY CASE FRUIT DRINKS (NO JU": "Chilled fruit drink",
  "DAIRY CASE JUICE DRNK UNDER 10": "Chilled juice drink",
  "DAIRY CASE TEA WITH SUGAR OR S": "Chilled sweet tea",
  "FACIAL TISSUE & PAPER HANDKE": "Facial tissues",
  "FLUID MILK WHITE ONLY": "Milk",
  "FRZN BAGGED VEGETABLES - PLAIN": "Frozen vegetables",
  "FRZN BOXED VEGETABLES- VALUE A": "Frozen vegetables, prepared",
  "FRZN BREADED PREPARED CHICK": "Frozen breaded chicken",
  "FRZN BREAKFAST ENTREES/SANDWIC": "Frozen breakfast sandwich",
  "FRZN GARLIC BREAD/TOAST/STICKS": "Frozen garlic bread",
  "FRZN MULTI SERVE ENTREES ALL": "Frozen family meal",
  "FRZN SS PREMIUM ENTREES/DNRS/N": "Frozen meal, premium",
  "FRZN SS PREMIUM ENTREES/DNRS/T": "Frozen dinner, premium",
  "GARBAGE KITCHEN COMPACTOR BA": "Garbage bags",
  "GASOLINE-REG UNLEADED": "Gasoline, regular",
  "ICE - CRUSHED/CUBED": "Ice cubes",
  "INSTORE CUT FRUIT": "Cut fruit",
  "ISOTONIC DRINKS SINGLE SERVE": "Sports drink",
  "IWS SINGLE CHEESE": "Cheese slices, wrapped",
  "MACARONI & CHEESE DNRS": "Macaroni and cheese",
  "MAINSTREAM WHEAT/MULTIGRAIN BR": "Wheat bread",
  "MAINSTREAM WHITE BREAD": "White bread",
  "MEXICAN SAUCESSALSAPICANTEE": "Salsa",
  "NATURAL CHEESE EXACT WT CHUNKS": "Natural cheese, block",
  "NATURAL CHEESE EXACT WT SLICES": "Natural cheese, slices",
  "NON-CARB FLVRD DRNKNG/MNRL WAT": "Flavoured water, still",
  "NON-CRBNTD DRNKING/MNERAL WATE": "Drinking water, still",
  "ORANGES NAVELS ALL": "Navel oranges",
  "PAPER TOWELS & HOLDERS": "Paper towels",
  "PLSTC CTLRYTBLCLTHSTTHPKSST": "Plastic cutlery",
  "POURABLE SALAD DRESSINGS": "Salad dressing",
  "PREMIUM PINTS": "Premium ice cream, pint",
  "PREP FD: SIDE DISHES (HOT)": "Hot side dish",
  "PREPARED BEANS - BAKED W/PORK": "Baked beans with pork",
  "PUDDING&GELATIN CUPS/CANS": "Pudding and gelatin cups",
  "RAMEN NOODLES/RAMEN CUPS": "Ramen noodles",
  "REFRIGERATED SPECILATY ROLLS": "Chilled dough, rolls",
  "RTS SOUP: CHUNKY/HOMESTYLE ET": "Ready-to-serve soup",
  "SALAD BAR FRESH FRUIT": "Salad bar, fresh fruit",
  "SEMI-SOLID SALAD DRESSING MAY": "Mayonnaise",
  "SFT DRNK 2 LITER BTL CARB INCL": "Soft drink, 2-litre bottle",
  "SFT DRNK MLT-PK BTL CARB (EXCP": "Soft drink, bottles",
  "SFT DRNK SNGL SRV BTL CARB (EX": "Soft drink, single bottle",
  "SGL SV/VEND MACH SNACKS CHIP/P": "Chips, single bag",
  "SNACK CAKE - MULTI PACK": "Snack cakes",
  "SNACKS/APPETIZERS": "Frozen snacks",
  "SOFT DRINK BOTTLE NON-CARB (EX": "Soft drink, still",
  "SOFT DRINK POWDER POUCHES": "Soft drink powder",
  "SOFT DRINKS 12/18&15PK CAN CAR": "Soft drink, 12 to 18 cans",
  "SOFT DRINKS 20PK&24PK CAN CARB": "Soft drink, 20 to 24 cans",
  "SOFT DRINKS 6PK/4PK CAN CARB (": "Soft drink, 4 to 6 cans",
  "SOUP CRACKERS (SALTINE/OYSTER)": "Soup crackers",
  "SS ECONOMY ENTREES/DINNERS ALL": "Frozen meal, economy",
  "STICKS/ENROBED": "Ice cream bars",
  "SW GDS: SW ROLLS/DAN": "Sweet rolls",
  "SWEET GOODS - FULL SIZE": "Sweet bakes",
  "TOMATOES HOTHOUSE ON THE VINE": "Hothouse tomatoes on the vine",
  "TRAY PACK/CHOC CHIP COOKIES": "Chocolate chip cookies",
  "TV/MOVIE-MAGAZINE": "Television magazine",
  "MISC SALES TRANS": "Unlisted product",
  "VANILLA WAFER/KIDS COOKIES": "Vanilla wafers",
  "VARIETY BEANS - KIDNEY PINTO": "Kidney and pinto beans",
  "WAFFLES/PANCAKES/FRENCH TOAST": "Frozen waffles and pancakes",
  "YOGURT MULTI-PACKS": "Yogurt, multipack",
  "YOGURT NOT MULTI-PACKS": "Yogurt",
};

const WORDS = Object.fromEntries(
  `BA=bag BEV=beverage BG=bags BKD=baked BN=beans BR=bread BRD=breaded BREADERS=breadings BRKFST=breakfast BTL=bottle
  BTR=butter CATFD=cat_food CATSUP=ketchup CHECKLANE=checkout CHIX=chicken CHOCOCLATE=chocolate CHOC=chocolate CIG=cigarette CKE=cake
  CKTLS=cocktails CKYS=cookies CLEANG=cleaning CND=canned CNDY=candy CNTRL=control CONC=concentrate CRBNTD=carbonated CARB=carbonated
  CRKR=crackers CRMD=creamed CRYSTL=crystal DEPT=department DISPOSIBLE=disposable DNR=dinner DNRS=dinners DOGFD=dog_food
  DRNK=drink DRNKS=drinks DRSNG=dressing DSH=dishes FD=food FDS=foods FEM=feminine FLAV=flavoured FLAVORED=flavoured UNFLAVORED=unflavoured BEERALE=beer FLV=flavoured FLVR=flavoured
  FLVRD=flavoured FRD=fried FRE=fresh FRK=fruit FRZ=frozen FRZN=frozen GDS=goods GNGR=ginger GRND=ground HBC=care HNGRS=hangers HYGN=hygiene
  INCL=including INSTORE=in-store IQF=individually_frozen IWS=wrapped JCE=juice KLR=killer LIQ=liquid LOZNG=lozenges LUNCHMEAT=lunch_meat LSS=less LT=litre LTR=litre MFG=manufacturer
  MISC=mixed MISCELLANEOUS=mixed MIXS=mixes MLK=milk MLT=multi MNRL=mineral MW=microwave MX=mix MXS=mixes NZ=New_Zealand OJ=orange_juice ORGNZRS=organisers
  OTH=other PCKGD=packed PK=pack PKG=packed PKGD=packed PKLD=pickled PICKLD=pickled PICKLS=pickles PNCH=punch PNT=peanut POTCOVERS=pot_covers
  PPK=packed PREM=premium PREP=prepared PREPORTND=portioned PRESLCD=sliced PRESLC=sliced PRPCK=packed PREPACK=packed PREPKGD=packed PRSLC=sliced PSE=decongestant
  PWDR=powder PWDRS=powders QSR=takeaway REFIGERATED=chilled REFRGRATD=chilled REFRIG=chilled REFRIGERATED=chilled REG=regular
  RTD=ready-to-drink RTS=ready-to-serve SAL=salad SALD=salad SAUS=sausage SFT=soft SGL=single SHERBTS=sherbets SHLFSH=shellfish SNDWCH=sandwich
  SNGL=single SNKS=snacks SPECILATY=specialty SPLY=supplies SPRD=spread SRV=serve SS=single-serve STK=stick SUG=sugar SUP=super SUPPPLIES=supplies
  SV=served SWEETNERS=sweeteners SWT=sweet SYRP=syrup TISS=tissues TN=tonic TOMS=toms TORT=tortilla TRANS=transmission TRSH=trash TT=toothpicks
  UNSWE=unsweetened VEG=vegetables W=with WAT=water WATE=water WH=whole WHL=whole WHLSM=wholesome WT=weight WTR=water
  ITALIAN=Italian FRENCH=French MEXICAN=Mexican ENGLISH=English AMERICAN=American ASIAN=Asian THAI=Thai JAPANESE=Japanese ORIENTAL=Oriental
  HISPANIC=Hispanic AUSTRALIAN=Australian CHRISTMAS=Christmas EASTER=Easter KOSHER=kosher ANGUS=Angus VIENNA=Vienna GALA=Gala FUJI=Fuji GRANNY=Granny SMITH=Smith
  ROMA=roma TV=TV BBQ=barbecue RANIER=Rainier ANJOU=Anjou BARTLETT=Bartlett BOSC=Bosc BRAEBURN=Braeburn`
    .split(/\s+/)
    .map((pair) => pair.split("=").map((side) => side.replaceAll("_", " "))),
);

// Words that say nothing without the category: "PREMIUM" is an ice cream, a pasta sauce or bacon.
const VAGUE = new Set(
  `ALL ANGUS BEEF BETTER FOR YOU BLENDS BONELESS BREAST BULK CHICKEN CHOICE CHOPS COCKTAILS COOKED DRUMS DRY ECONOMY ENHANCED ENTREES
  EXTERNAL FILLETS FLANK FLAVORED FRESH FROZEN FULLY GARDEN GOURMET GRND HAM HAMS HALF IN BONE INTERNAL IQF JUMBO KABOBS KITS LEAN LEGS
  LINKS LOIN MAINSTREAM MEAT MICROWAVE MISC MISCELLANEOUS NATURAL NET WEIGHT OTHER OVEN PACK PAILS PATTIES PATTY PINTS PLUS PORK POULTRY
  PRE PREMIUM PRIMAL PROCESSED QUARTERS QUARTS RAW RED REGULAR RIBS ROAST ROASTS ROLLS SEASONED SELECT SHOULDER SMOKED SPECIALTY SPIRAL
  STEAKS STANDARD SUPER THIGHS THIN TRADITIONAL TREATS TURKEY VALUE VARIETY WHOLE WINGS`.split(/\s+/),
);

// Headings that only name the counter.
const COUNTER = /^(MEAT:|PREP FD:|PREP FOODS:|SV BEV:|SW GDS:|QSR FD:|FEM\.? HYGN\.?|HERBS |SEAFOOD-MISC-)\s*/;

// The log says "GRAPES RED"; people say "red grapes".
const NOUN_FIRST =
  /^(APPLES|CHERRIES|CORN(?= YELLOW| WHITE)|GRAPES|MUSHROOMS|NECTARINES|ONIONS|PEACHES|PEARS|PEAS|PEPPERS|POTATOES|SQUASH|TOMATOES)\s+((?!OTHER|AND|&).+)$/;

/** A product's name from the log's words, any of which may be missing. */
export function productName(department, category, type) {
  if (type && TYPES[type]) return TYPES[type];
  const words = spellOut(type || category || department);
  const isVague = (type ?? "").match(/[A-Z]+/g)?.every((word) => VAGUE.has(word));
  if (!isVague || !category) return sentence(words);
  const kind = spellOut(category.split(/\s*[/:-]\s*/)[0]);
  return sentence(words.includes(kind) ? words : `${kind}, ${words}`);
}

/** A category's name, for people. */
export function categoryName(category) {
  return sentence(spellOut(category));
}

/** A package size, for people: "64 OZ" is "64 oz". Empty where the log has none. */
export function sizeName(size, department) {
  const text = (size ?? "").replace(/^[A-Z]\s+(?=\d)/, "").trim();
  const crate = /^(\d+)[-\d\s]*(LB|CT)\b/.exec(text);
  // Loose fruit and vegetables carry the size of the crate they came in.
  if (department === "PRODUCE" && crate && Number(crate[1]) >= 12) return "";
  return text
    .replace(/\s+/g, " ")
    .replace(/\bDZ\b|\bDOZ\b/g, "dozen")
    .replace(/\bGA\b/g, "gal")
    .replace(/\bPK\b/g, "pack")
    .replace(/\bCT\b/g, "count")
    .replace(/\bCTN\b/g, "carton")
    .replace(/[A-Z]{2,}/g, (unit) => unit.toLowerCase())
    .replace("/", " × ");
}

function spellOut(text) {
  return withoutCutWord(text)
    .replace(/\s*\(.*$/, "")
    .replace(COUNTER, "")
    .replace(/^SEAFOOD-(FRZ|FRE)-/, "$1 ")
    .replace(/\s+(ALL|BULK|IT|ET|N)$/, "")
    .replace(/\.|-(?=MAGAZINE)/g, " ")
    .replace(/ S\b/g, "'S")
    .replace(NOUN_FIRST, "$2 $1")
    .replace(/^([^:]+):\s*(.+)$/, "$2 $1")
    .replace(/\s*&\s*/g, " and ")
    .replace(/\bW\//g, "with ")
    .replace(/\s*\/\s*/g, ", ")
    .replace(/\s+-\s*|\s*-\s+/g, ", ")
    .replace(/[A-Za-z]+/g, (word) => WORDS[word] ?? word.toLowerCase())
    .replace(/\s+/g, " ")
    .replace(/^[\s,]+|(\s(and|with|or|for))?[\s,]+$/g, "")
    .replace(/\s(and|with|or|for)$/, "");
}

// The log cuts types at 30 characters, most often in the middle of a word.
function withoutCutWord(text) {
  return text.length < 30 ? text : text.replace(/[\s/&-]+[^\s/&-]*$/, "");
}

function sentence(words) {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
