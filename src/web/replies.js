// Objects for the page, for replies.rs.

export const predicted = (item, score, probability) => ({ item, score, probability });
