// A transformer block.

struct Step {
    slot: u32,
    filled: u32,
    input: array<f32, HIDDEN>,
    rotation: array<f32, HEAD_SIZE>,
}

// Of y, what the second half needs.
const KEPT: u32 = HIDDEN;

// y = the query; the ring takes key and value.
fn project(step: u32, block: u32, local: u32) {
    norm(block * BLOCK + ATTENTION_NORM, local);
    multiply(block * BLOCK + QKV, 3u * HIDDEN, 0u, HIDDEN, local);
    remember(step, block, local);
}

// The rest of the block, from y, with the logits from `first_logit` on.
fn attend(step: u32, first_logit: u32, block: u32, local: u32) {
    let filled = steps[step].filled;
    for (var at = local; at < HEADS * filled; at += THREADS) {
        let first = at / filled * HEAD_SIZE;
        let place = at % filled;
        logits[first_logit + at / filled * MAX_LEN + place] = likeness(block, first, place);
    }
    storageBarrier();
    workgroupBarrier();
    mix(first_logit, block, filled, local);
    multiply(block * BLOCK + ATTENTION_OUT, HIDDEN, 0u, HIDDEN, local);
    add(local);
    feed_forward(block * BLOCK, local);
}

// Turns query and key by the position's angles; the ring takes key and value.
fn remember(step: u32, block: u32, local: u32) {
    let slot = steps[step].slot;
    let half = HEAD_SIZE / 2u;
    for (var pair = local; pair < HIDDEN / 2u; pair += THREADS) {
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
    for (var i = local; i < HIDDEN; i += THREADS) {
        ring[VALUES + (block * MAX_LEN + slot) * HIDDEN + i] = y[2u * HIDDEN + i];
    }
    storageBarrier();
    workgroupBarrier();
}

// x = the values, mixed by the softmax of the logits. Where threads outnumber values, several share one.
fn mix(first_logit: u32, block: u32, filled: u32, local: u32) {
    let parts = max(1u, THREADS / HIDDEN);
    for (var at = local; at < HIDDEN * parts; at += THREADS) {
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
    for (var i = local; i < HIDDEN; i += THREADS) {
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
    for (var first = 0u; first < FEED_FORWARD; first += FEED_FORWARD_CHUNK) {
        let count = min(FEED_FORWARD_CHUNK, FEED_FORWARD - first);
        multiply(block + UP + 2u * first * HIDDEN, 2u * count, 0u, HIDDEN, local);
        for (var i = local; i < count; i += THREADS) {
            x[HIDDEN + i] = y[i] * sigmoid(y[i]) * y[count + i];
        }
        workgroupBarrier();
        multiply(block + DOWN + first * HIDDEN, HIDDEN, HIDDEN, count, local);
        add(local);
    }
}
