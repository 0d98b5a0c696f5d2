// The words of a post, and the post without each of them.

// Scripts that put no spaces between words, of which the browser knows the words.
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
// So many words are left out, one by one, of a longer post the first.
const MOST = 60;

/** The words of a text in their order, each with the text without it: `{ word, without }`. */
export function withoutEach(text) {
  return pieces(text)
    .slice(0, MOST)
    .map(({ word, start }) => ({ word, without: text.slice(0, start) + text.slice(start + word.length) }));
}

function pieces(text) {
  const segmenter = new Intl.Segmenter(undefined, { granularity: "word" });
  return [...text.matchAll(/\S+/gu)].flatMap(({ 0: token, index }) =>
    UNSPACED.test(token)
      ? [...segmenter.segment(token)].map(({ segment, index: within }) => ({ word: segment, start: index + within }))
      : [{ word: token, start: index }],
  );
}
