// Walking forward: each fold learns from all years before, is validated on one and tested on the next.

/** ISO dates; each part ends where the next begins. The last one has the two months of 2013 too. */
export const FOLDS = [2006, 2007, 2008, 2009, 2010, 2011, 2012].map((year) => ({
  name: String(year),
  validationFrom: `${year - 1}-01-01`,
  testFrom: `${year}-01-01`,
  until: year === 2012 ? "2014-01-01" : `${year + 1}-01-01`,
}));
