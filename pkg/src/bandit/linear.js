// Symmetric positive definite systems of a few dozen unknowns; the twin of src/companion/policy/linear.rs.

// How many values the lower triangle of so many rows has.
export const triangle = (size) => (size * (size + 1)) / 2;

// The lower triangle, row by row, of a matrix with `value` on the diagonal.
export function diagonal(size, value) {
  const values = new Float64Array(triangle(size));
  for (let row = 0; row < size; row++) values[triangle(row) + row] = value;
  return values;
}

// Adds v vᵀ.
export function addOuter(matrix, v) {
  let at = 0;
  for (let row = 0; row < v.length; row++) {
    for (let column = 0; column <= row; column++) matrix[at++] += v[row] * v[column];
  }
}

export function times(matrix, v) {
  const product = new Float64Array(v.length);
  let at = 0;
  for (let row = 0; row < v.length; row++) {
    for (let column = 0; column <= row; column++, at++) {
      product[row] += matrix[at] * v[column];
      if (column < row) product[column] += matrix[at] * v[row];
    }
  }
  return product;
}

// The lower triangle L of A = L Lᵀ (Cholesky); undefined where A is not positive definite.
export function factorise(matrix, size) {
  const lower = matrix.slice();
  for (let row = 0; row < size; row++) {
    const start = triangle(row);
    for (let column = 0; column <= row; column++) {
      const other = triangle(column);
      let sum = 0;
      for (let k = 0; k < column; k++) sum += lower[start + k] * lower[other + k];
      const rest = lower[start + column] - sum;
      if (column < row) lower[start + column] = rest / lower[other + column];
      else if (rest > 0 && Number.isFinite(rest)) lower[start + row] = Math.sqrt(rest);
      else return undefined;
    }
  }
  return lower;
}

// x of L x = v; the sum of its squares is vᵀ A⁻¹ v.
export function forward(lower, v) {
  const x = v.slice();
  for (let row = 0; row < v.length; row++) {
    const start = triangle(row);
    let sum = 0;
    for (let k = 0; k < row; k++) sum += lower[start + k] * x[k];
    x[row] = (x[row] - sum) / lower[start + row];
  }
  return x;
}

// x of A x = v.
export function solve(lower, v) {
  const x = forward(lower, v);
  for (let row = v.length - 1; row >= 0; row--) {
    let sum = 0;
    for (let k = row + 1; k < v.length; k++) sum += lower[triangle(k) + row] * x[k];
    x[row] = (x[row] - sum) / lower[triangle(row) + row];
  }
  return x;
}

export function dot(a, b) {
  let sum = 0;
  for (let place = 0; place < a.length; place++) sum += a[place] * b[place];
  return sum;
}
