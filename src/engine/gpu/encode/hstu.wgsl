// An HSTU block.

struct Step {
    slot: u32,
    filled: u32,
    input: array<f32, HIDDEN>,
    buckets: array<u32, MAX_LEN>,
}

// Of y, what the second half needs: query and gate.
const KEPT: u32 = 2u * HIDDEN;

// y = query and gate; the ring takes key and value.
fn project(step: u32, block: u32, local: u32) {
    norm(block * BLOCK + NORM, local);
    multiply(block * BLOCK + PROJECTION, 4u * HIDDEN, 0u, HIDDEN, local);
    let slot = steps[step].slot;
    for (var i = local; i < HIDDEN; i += THREADS) {
        y[i] = silu(y[i]);
        y[HIDDEN + i] = silu(y[HIDDEN + i]);
        ring[(block * HIDDEN + i) * MAX_LEN + slot] = silu(y[2u * HIDDEN + i]);
        ring[VALUES + (block * MAX_LEN + slot) * HIDDEN + i] = silu(y[3u * HIDDEN + i]);
    }
    storageBarrier();
    workgroupBarrier();
}

// The rest of the block, from y, with the weights of attention from `first_logit` on.
fn attend(step: u32, first_logit: u32, block: u32, local: u32) {
    let first = block * BLOCK;
    let filled = steps[step].filled;
    for (var at = local; at < HEADS * filled; at += THREADS) {
        let place = at % filled;
        let distance = (steps[step].slot + MAX_LEN - place) % MAX_LEN;
        let bias = weights[first + DISTANCE + distance] + weights[first + TIME + steps[step].buckets[place]];
        let weight = silu(likeness(block, at / filled * HEAD_SIZE, place) + bias) / f32(filled);
        logits[first_logit + at / filled * MAX_LEN + place] = weight;
    }
    storageBarrier();
    workgroupBarrier();
    mix(first_logit, block, filled, local);
    var squares = 0.0;
    for (var i = 0u; i < HIDDEN; i++) {
        squares += x[i] * x[i];
    }
    let factor = inverseSqrt(squares / f32(HIDDEN) + RMS_EPSILON);
    workgroupBarrier();
    for (var i = local; i < HIDDEN; i += THREADS) {
        x[i] *= factor * weights[first + CONTEXT_NORM + i] * y[HIDDEN + i];
    }
    workgroupBarrier();
    multiply(first + OUTPUT, HIDDEN, 0u, HIDDEN, local);
    add(local);
}

// x = the weighted values; y keeps query and gate. Where threads outnumber values, several share one.
fn mix(first_logit: u32, block: u32, filled: u32, local: u32) {
    let parts = max(1u, THREADS / HIDDEN);
    for (var at = local; at < HIDDEN * parts; at += THREADS) {
        let i = at % HIDDEN;
        let row = first_logit + i / HEAD_SIZE * MAX_LEN;
        var sum = 0.0;
        for (var place = at / HIDDEN; place < filled; place += parts) {
            sum += logits[row + place] * ring[VALUES + (block * MAX_LEN + place) * HIDDEN + i];
        }
        y[KEPT + at] = sum;
    }
    workgroupBarrier();
    for (var i = local; i < HIDDEN; i += THREADS) {
        var sum = 0.0;
        for (var part = 0u; part < parts; part++) {
            sum += y[KEPT + part * HIDDEN + i];
        }
        x[i] = sum;
    }
    workgroupBarrier();
}

fn silu(x: f32) -> f32 {
    return x * sigmoid(x);
}
