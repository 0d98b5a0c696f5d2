// What blocks with attention share. The ring holds keys [BLOCKS, HIDDEN, MAX_LEN], then values [BLOCKS, MAX_LEN, HIDDEN].

const VALUES: u32 = BLOCKS * HIDDEN * MAX_LEN;

fn layer(step: u32, block: u32, local: u32) {
    project(step, block, local);
    attend(step, 0u, block, local);
}

// The first half of a block for many steps, a workgroup each: keys, values and queries. They find the ring empty, so
// that none takes the place of a key that another still looks at.
@compute @workgroup_size(THREADS)
fn project_all(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let step = group.x;
    load(step, local);
    project(step, part.x, local);
    for (var i = local; i < KEPT; i += THREADS) {
        queries[step * KEPT + i] = y[i];
    }
}

// The second half: each step looks at the keys and values up to its own.
@compute @workgroup_size(THREADS)
fn attend_all(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let step = group.x;
    for (var i = local; i < HIDDEN; i += THREADS) {
        residual[i] = residuals[step * HIDDEN + i];
    }
    for (var i = local; i < KEPT; i += THREADS) {
        y[i] = queries[step * KEPT + i];
    }
    workgroupBarrier();
    attend(step, step * HEADS * MAX_LEN, part.x, local);
    store(step, local);
}

// The query's head that begins at `first`, times a key.
fn likeness(block: u32, first: u32, place: u32) -> f32 {
    var sum = 0.0;
    for (var i = first; i < first + HEAD_SIZE; i++) {
        sum += y[i] * ring[(block * HIDDEN + i) * MAX_LEN + place];
    }
    return sum;
}
