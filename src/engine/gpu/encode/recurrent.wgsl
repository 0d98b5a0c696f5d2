// A recurrent layer: a GRU, or an LSTM, which remembers cells beside its state: [BLOCKS, MEMORY].

struct Step {
    slot: u32,
    filled: u32,
    input: array<f32, HIDDEN>,
}

// One block of one step, where a step through all of them would be too long for a dispatch.
@compute @workgroup_size(THREADS)
fn layer_all(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    load(group.x, local);
    layer(group.x, part.x, local);
    store(group.x, local);
}

fn layer(step: u32, block: u32, local: u32) {
    let first = block * BLOCK;
    let own = block * MEMORY;
    norm(first + NORM, local);
    for (var i = local; i < HIDDEN; i += THREADS) {
        if steps[step].filled == 1u {
            ring[own + i] = 0.0;
            ring[own + MEMORY - HIDDEN + i] = 0.0;
        }
        x[HIDDEN + i] = ring[own + i];
    }
    workgroupBarrier();
    // Of input and state at once; a GRU's candidate apart, since its reset gate comes between.
    multiply(first + PRODUCT, 4u * HIDDEN, 0u, 2u * HIDDEN, local);
    for (var i = local; i < HIDDEN; i += THREADS) {
        let a = sigmoid(y[i] + weights[first + BIAS + i]);
        let b = sigmoid(y[HIDDEN + i] + weights[first + BIAS + HIDDEN + i]);
        let candidate = y[2u * HIDDEN + i] + weights[first + BIAS + 2u * HIDDEN + i];
        var next = 0.0;
        if MEMORY == HIDDEN {
            let given = squash(candidate + b * y[3u * HIDDEN + i]);
            next = given + a * (ring[own + i] - given);
        } else {
            let cell = b * ring[own + HIDDEN + i] + a * squash(candidate);
            ring[own + HIDDEN + i] = cell;
            next = sigmoid(y[3u * HIDDEN + i] + weights[first + BIAS + 3u * HIDDEN + i]) * squash(cell);
        }
        ring[own + i] = next;
        residual[i] += next;
    }
    workgroupBarrier();
}

// The hyperbolic tangent; drivers' own overflows on some.
fn squash(x: f32) -> f32 {
    return 2.0 * sigmoid(2.0 * x) - 1.0;
}
