// Events through the transformer, one after the other, by one workgroup: see the CPU's encode.
//
// Matrices lie transposed, [in, out], so that neighbouring threads read neighbouring weights.

struct Step {
    slot: u32,
    filled: u32,
    input: array<f32, HIDDEN>,
    rotation: array<f32, HEAD_SIZE>,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read> steps: array<Step>;
// Keys [BLOCKS, HIDDEN, MAX_LEN], then values [BLOCKS, MAX_LEN, HIDDEN].
@group(0) @binding(3) var<storage, read_write> ring: array<f32>;
// [steps, HEADS, MAX_LEN]; steps one after the other share the first.
@group(0) @binding(4) var<storage, read_write> logits: array<f32>;
// Only encode and conclude have this one,
@group(0) @binding(5) var<storage, read_write> state: State;
// and only what works on many steps at once these: the block, and between its two kernels each step's residual and
// query, [steps, HIDDEN].
@group(0) @binding(6) var<uniform> part: vec4<u32>;
@group(0) @binding(7) var<storage, read_write> residuals: array<f32>;
@group(0) @binding(8) var<storage, read_write> queries: array<f32>;

const RMS_EPSILON: f32 = 1e-6;
const QUERY_LIMIT: f32 = 32767.0;
const VALUES: u32 = BLOCKS * HIDDEN * MAX_LEN;
// Threads that share a sum.
const LANES: u32 = 16u;

var<workgroup> residual: array<f32, HIDDEN>;
// What the next matrix is multiplied with.
var<workgroup> x: array<f32, INPUTS>;
// What the last one gave.
var<workgroup> y: array<f32, OUTPUTS>;

@compute @workgroup_size(WORKGROUP)
fn encode(@builtin(local_invocation_index) local: u32) {
    for (var step = 0u; step < call.steps; step++) {
        for (var i = local; i < HIDDEN; i += WORKGROUP) {
            residual[i] = steps[step].input[i];
        }
        workgroupBarrier();
        for (var block = 0u; block < BLOCKS; block++) {
            project(step, block, local);
            attend(step, 0u, block, local);
            feed_forward(block * BLOCK, local);
        }
    }
    finish(local);
}

// The first half of a block for many steps, a workgroup each: keys, values and queries. They find the ring empty, so
// that none takes the place of a key that another still looks at.
@compute @workgroup_size(WORKGROUP)
fn project_all(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let step = group.x;
    for (var i = local; i < HIDDEN; i += WORKGROUP) {
        if part.x == 0u {
            residuals[step * HIDDEN + i] = steps[step].input[i];
        }
        residual[i] = residuals[step * HIDDEN + i];
    }
    workgroupBarrier();
    project(step, part.x, local);
    for (var i = local; i < HIDDEN; i += WORKGROUP) {
        queries[step * HIDDEN + i] = y[i];
    }
}

// The second half: each step looks at the keys and values up to its own.
@compute @workgroup_size(WORKGROUP)
fn attend_all(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let step = group.x;
    for (var i = local; i < HIDDEN; i += WORKGROUP) {
        residual[i] = residuals[step * HIDDEN + i];
        y[i] = queries[step * HIDDEN + i];
    }
    workgroupBarrier();
    attend(step, step * HEADS * MAX_LEN, part.x, local);
    feed_forward(part.x * BLOCK, local);
    for (var i = local; i < HIDDEN; i += WORKGROUP) {
        residuals[step * HIDDEN + i] = residual[i];
    }
}

// What encode ends with, after the last of many steps.
@compute @workgroup_size(WORKGROUP)
fn conclude(@builtin(local_invocation_index) local: u32) {
    for (var i = local; i < HIDDEN; i += WORKGROUP) {
        residual[i] = residuals[(call.steps - 1u) * HIDDEN + i];
    }
    workgroupBarrier();
    finish(local);
}

// y = the query; the ring takes key and value.
fn project(step: u32, block: u32, local: u32) {
    norm(block * BLOCK + ATTENTION_NORM, local);
    multiply(block * BLOCK + QKV, 3u * HIDDEN, 0u, HIDDEN, local);
    remember(step, block, local);
}

// Of y, with the logits from `first_logit` on.
fn attend(step: u32, first_logit: u32, block: u32, local: u32) {
    let filled = steps[step].filled;
    for (var at = local; at < HEADS * filled; at += WORKGROUP) {
        let first = at / filled * HEAD_SIZE;
        let place = at % filled;
        var sum = 0.0;
        for (var i = first; i < first + HEAD_SIZE; i++) {
            sum += y[i] * ring[(block * HIDDEN + i) * MAX_LEN + place];
        }
        logits[first_logit + at / filled * MAX_LEN + place] = sum;
    }
    storageBarrier();
    workgroupBarrier();
    mix(first_logit, block, filled, local);
    multiply(block * BLOCK + ATTENTION_OUT, HIDDEN, 0u, HIDDEN, local);
    add(local);
}

// Turns query and key by the position's angles; the ring takes key and value.
fn remember(step: u32, block: u32, local: u32) {
    let slot = steps[step].slot;
    let half = HEAD_SIZE / 2u;
    for (var pair = local; pair < HIDDEN / 2u; pair += WORKGROUP) {
        let angle = pair % half;
        let cosine = steps[step].rotation[2u * angle];
        let sine = steps[step].rotation[2u * angle + 1u];
        let first = pair / half * HEAD_SIZE + angle;
        let second = first + half;
        let query = vec2(y[first], y[second]);
        y[first] = query.x * cosine - query.y * sine;
        y[second] = query.x * sine + query.y * cosine;
        let key = vec2(y[HIDDEN + first], y[HIDDEN + second]);
        ring[(block * HIDDEN + first) * MAX_LEN + slot] = key.x * cosine - key.y * sine;
        ring[(block * HIDDEN + second) * MAX_LEN + slot] = key.x * sine + key.y * cosine;
    }
    for (var i = local; i < HIDDEN; i += WORKGROUP) {
        ring[VALUES + (block * MAX_LEN + slot) * HIDDEN + i] = y[2u * HIDDEN + i];
    }
    storageBarrier();
    workgroupBarrier();
}

// x = the values, mixed by the softmax of the logits. Where threads outnumber values, several share one.
fn mix(first_logit: u32, block: u32, filled: u32, local: u32) {
    let parts = max(1u, WORKGROUP / HIDDEN);
    for (var at = local; at < HIDDEN * parts; at += WORKGROUP) {
        let i = at % HIDDEN;
        let row = first_logit + i / HEAD_SIZE * MAX_LEN;
        var largest = logits[row];
        for (var place = 1u; place < filled; place++) {
            largest = max(largest, logits[row + place]);
        }
        var total = 0.0;
        var sum = 0.0;
        for (var place = at / HIDDEN; place < filled; place += parts) {
            let weight = exp((logits[row + place] - largest) * inverseSqrt(f32(HEAD_SIZE)));
            total += weight;
            sum += weight * ring[VALUES + (block * MAX_LEN + place) * HIDDEN + i];
        }
        x[at] = total;
        y[at] = sum;
    }
    workgroupBarrier();
    for (var i = local; i < HIDDEN; i += WORKGROUP) {
        var total = 0.0;
        var sum = 0.0;
        for (var part = 0u; part < parts; part++) {
            total += x[part * HIDDEN + i];
            sum += y[part * HIDDEN + i];
        }
        x[i] = sum / total;
    }
    workgroupBarrier();
}

// In parts whose values fit the workgroup's memory.
fn feed_forward(block: u32, local: u32) {
    norm(block + FEED_FORWARD_NORM, local);
    for (var first = 0u; first < FEED_FORWARD; first += CHUNK) {
        let count = min(CHUNK, FEED_FORWARD - first);
        multiply(block + UP + 2u * first * HIDDEN, 2u * count, 0u, HIDDEN, local);
        for (var i = local; i < count; i += WORKGROUP) {
            x[HIDDEN + i] = y[i] / (1.0 + exp(-y[i])) * y[count + i];
        }
        workgroupBarrier();
        multiply(block + DOWN + first * HIDDEN, HIDDEN, HIDDEN, count, local);
        add(local);
    }
}

// The query, its codes and the gates.
fn finish(local: u32) {
    norm(FINAL_NORM, local);
    multiply(GATES, TERMS, 0u, HIDDEN, local);
    for (var i = local; i < TERMS; i += WORKGROUP) {
        state.state_gates[i] = y[i] + weights[GATE_BIAS + i];
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
    for (var i = local; i < HIDDEN; i += WORKGROUP) {
        state.query[i] = factor * x[i];
    }
    // A zero state has a zero scale: its codes do not matter.
    let inverse = factor / max(scale, 1e-30);
    for (var quad = local; quad < QUADS; quad += WORKGROUP) {
        var codes = vec4<i32>();
        for (var i = 0u; i < 4u; i++) {
            codes[i] = code(4u * quad + i, inverse);
        }
        state.codes[quad] = codes;
    }
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
    for (var i = local; i < HIDDEN; i += WORKGROUP) {
        x[i] = residual[i] * factor * weights[first + i];
    }
    workgroupBarrier();
}

// y = the matrix at `first` times the `columns` values of x from `start` on. Where threads outnumber rows, several share
// one.
fn multiply(first: u32, rows: u32, start: u32, columns: u32, local: u32) {
    let parts = max(1u, WORKGROUP / rows);
    for (var at = local; at < rows * parts; at += WORKGROUP) {
        let row = first + at % rows;
        var sum = 0.0;
        for (var column = at / rows; column < columns; column += parts) {
            sum += weights[row + column * rows] * x[start + column];
        }
        y[at] = sum;
    }
    workgroupBarrier();
    for (var row = local; row < rows; row += WORKGROUP) {
        var sum = y[row];
        for (var part = 1u; part < parts; part++) {
            sum += y[part * rows + row];
        }
        y[row] = sum;
    }
    workgroupBarrier();
}

fn add(local: u32) {
    for (var i = local; i < HIDDEN; i += WORKGROUP) {
        residual[i] += y[i];
    }
    workgroupBarrier();
}
