// Events through the encoder, one after the other, by one workgroup: see the CPU's encode. What a step is told and how a
// block computes is in a file of its own for each kind, below encode/.
//
// Matrices lie transposed, [in, out], so that neighbouring threads read neighbouring weights.

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read> steps: array<Step>;
// What blocks remember between steps.
@group(0) @binding(3) var<storage, read_write> ring: array<f32>;
// [steps, HEADS, MAX_LEN]; steps one after the other share the first.
@group(0) @binding(4) var<storage, read_write> logits: array<f32>;
// Only encode and conclude have this one,
@group(0) @binding(5) var<storage, read_write> state: State;
// and only what works on many steps at once these: the block, and between its two kernels each step's residual and
// query, [steps, HIDDEN] and [steps, KEPT].
@group(0) @binding(6) var<uniform> part: vec4<u32>;
@group(0) @binding(7) var<storage, read_write> residuals: array<f32>;
@group(0) @binding(8) var<storage, read_write> queries: array<f32>;

const RMS_EPSILON: f32 = 1e-6;
const QUERY_LIMIT: f32 = 32767.0;
// Threads that share a sum, at most.
const LANES: u32 = 16u;

var<workgroup> residual: array<f32, HIDDEN>;
// What the next matrix is multiplied with.
var<workgroup> x: array<f32, INPUTS>;
// What the last one gave.
var<workgroup> y: array<f32, OUTPUTS>;

@compute @workgroup_size(THREADS)
fn encode(@builtin(local_invocation_index) local: u32) {
    for (var step = 0u; step < call.steps; step++) {
        for (var i = local; i < HIDDEN; i += THREADS) {
            residual[i] = steps[step].input[i];
        }
        workgroupBarrier();
        for (var block = 0u; block < BLOCKS; block++) {
            layer(step, block, local);
        }
    }
    finish(local);
}

// What encode ends with, after the last of many steps.
@compute @workgroup_size(THREADS)
fn conclude(@builtin(local_invocation_index) local: u32) {
    for (var i = local; i < HIDDEN; i += THREADS) {
        residual[i] = residuals[(call.steps - 1u) * HIDDEN + i];
    }
    workgroupBarrier();
    finish(local);
}

// The residual of one of many steps before the block.
fn load(step: u32, local: u32) {
    for (var i = local; i < HIDDEN; i += THREADS) {
        if part.x == 0u {
            residuals[step * HIDDEN + i] = steps[step].input[i];
        }
        residual[i] = residuals[step * HIDDEN + i];
    }
    workgroupBarrier();
}

// And after it.
fn store(step: u32, local: u32) {
    for (var i = local; i < HIDDEN; i += THREADS) {
        residuals[step * HIDDEN + i] = residual[i];
    }
}

// The query, its codes and the gates.
fn finish(local: u32) {
    norm(FINAL_NORM, local);
    multiply(GATES, TERMS, 0u, HIDDEN, local);
    for (var i = local; i < TERMS; i += THREADS) {
        state.gates[i] = y[i] + weights[GATE_BIAS + i];
    }
    var squares = 0.0;
    var largest = 0.0;
    for (var i = 0u; i < HIDDEN; i++) {
        squares += x[i] * x[i];
        largest = max(largest, abs(x[i]));
    }
    let factor = weights[SCALE] / max(sqrt(squares), 1e-30);
    let scale = factor * largest / QUERY_LIMIT;
    if local == 0u {
        state.scale = scale;
    }
    for (var i = local; i < HIDDEN; i += THREADS) {
        state.query[i] = factor * x[i];
    }
    // A zero state has a zero scale: its codes do not matter.
    let inverse = factor / max(scale, 1e-30);
    for (var quad = local; quad < QUADS; quad += THREADS) {
        var codes = vec4<i32>();
        for (var i = 0u; i < 4u; i++) {
            codes[i] = code(4u * quad + i, inverse);
        }
        state.codes[quad] = codes;
        state.bytes[quad] = vec2(packed(codes >> vec4<u32>(8u)), packed((codes & vec4<i32>(255)) - 128));
    }
}

// Four numbers of a byte each, the first the lowest.
fn packed(bytes: vec4<i32>) -> u32 {
    let low = bitcast<vec4<u32>>(bytes & vec4<i32>(255)) << vec4<u32>(0u, 8u, 16u, 24u);
    return low.x | low.y | low.z | low.w;
}

// Rounded away from zero at a half, as on the CPU.
fn code(i: u32, inverse: f32) -> i32 {
    if i >= HIDDEN {
        return 0;
    }
    let value = x[i] * inverse;
    return i32(sign(value) * floor(abs(value) + 0.5));
}

// x = the residual's RMS norm times the weights at `first`.
fn norm(first: u32, local: u32) {
    if local < LANES {
        var squares = 0.0;
        for (var i = local; i < HIDDEN; i += LANES) {
            squares += residual[i] * residual[i];
        }
        y[local] = squares;
    }
    workgroupBarrier();
    var squares = 0.0;
    for (var lane = 0u; lane < LANES; lane++) {
        squares += y[lane];
    }
    let factor = inverseSqrt(squares / f32(HIDDEN) + RMS_EPSILON);
    for (var i = local; i < HIDDEN; i += THREADS) {
        x[i] = residual[i] * factor * weights[first + i];
    }
    workgroupBarrier();
}

// y = the matrix at `first` times the `columns` values of x from `start` on. A thread takes four rows, so that four loads are
// under way; where threads outnumber these, several share them, each with columns of its own.
fn multiply(first: u32, rows: u32, start: u32, columns: u32, local: u32) {
    let quads = (rows + 3u) / 4u;
    let parts = clamp(THREADS / quads, 1u, LANES);
    for (var at = local; at < quads * parts; at += THREADS) {
        let row = at % quads;
        let part = at / quads;
        var sums = vec4<f32>();
        for (var column = part; column < columns; column += parts) {
            let place = first + row + column * rows;
            sums += x[start + column] * vec4(
                weights[place],
                weights[place + quads],
                weights[place + 2u * quads],
                weights[place + 3u * quads],
            );
        }
        for (var i = 0u; i < 4u; i++) {
            if row + i * quads < rows {
                y[part * rows + row + i * quads] = sums[i];
            }
        }
    }
    workgroupBarrier();
    for (var row = local; row < rows; row += THREADS) {
        var sum = y[row];
        for (var part = 1u; part < parts; part++) {
            sum += y[part * rows + row];
        }
        y[row] = sum;
    }
    workgroupBarrier();
}

fn sigmoid(x: f32) -> f32 {
    return 1.0 / (1.0 + exp(-max(x, -80.0)));
}

fn add(local: u32) {
    for (var i = local; i < HIDDEN; i += THREADS) {
        residual[i] += y[i];
    }
    workgroupBarrier();
}
