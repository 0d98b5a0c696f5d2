// Every item's score, one thread an item: see the CPU's score. The sum is an exact integer, as there. In front of it
// stands a file with `keep` and `product`.

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read_write> state: State;
// The codes of a shard's items, 16 bytes a word: [items, WORDS]
@group(0) @binding(2) var<storage, read> rows: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> scales: array<f32>;
@group(0) @binding(4) var<storage, read> biases: array<f32>;
@group(0) @binding(5) var<storage, read_write> scores: array<f32>;
// The shard's first item, and the one after its last.
@group(0) @binding(6) var<uniform> shard: vec4<u32>;

@compute @workgroup_size(WORKGROUP)
fn score(@builtin(global_invocation_id) place: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    for (var quad = local; quad < QUADS; quad += WORKGROUP) {
        keep(quad, state.codes[quad]);
    }
    workgroupBarrier();
    let item = shard.x + place.x;
    if item >= shard.y {
        return;
    }
    if item == 0u {
        // Kept for adjust, even if another step of the encoder comes between.
        for (var term = 0u; term < TERMS; term++) {
            state.gates[term] = state.state_gates[term] + call.open[term / 4u][term % 4u];
        }
    }
    var sum = 0;
    for (var word = 0u; word < WORDS; word++) {
        let codes = rows[place.x * WORDS + word];
        if BITS == 8u {
            sum += products(codes, 4u * word);
        } else {
            // The low nibbles are 16 codes, the high ones the next 16.
            sum += products(widen(codes), 8u * word) + products(widen(codes >> vec4<u32>(4u)), 8u * word + 4u);
        }
    }
    let popularity_gate = state.state_gates[0] + call.open[0][0];
    scores[item] = f32(sum) * (state.scale * scales[item]) + popularity_gate * biases[item];
}

fn products(codes: vec4<u32>, quad: u32) -> i32 {
    return product(codes.x, quad) + product(codes.y, quad + 1u) + product(codes.z, quad + 2u)
        + product(codes.w, quad + 3u);
}

// The low nibbles, less 8 each, as int8: with its third bit turned a nibble is that number in four bits.
fn widen(nibbles: vec4<u32>) -> vec4<u32> {
    let turned = (nibbles & vec4<u32>(0x0f0f0f0fu)) ^ vec4<u32>(0x08080808u);
    return turned | ((turned & vec4<u32>(0x08080808u)) * 30u);
}
