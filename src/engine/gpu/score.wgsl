// Every item's score, one thread an item: see the CPU's score. The sum is an exact integer, as there.

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read_write> state: State;
// int8 codes, 16 a word: [ITEMS, WORDS]
@group(0) @binding(2) var<storage, read> rows: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> scales: array<f32>;
@group(0) @binding(4) var<storage, read> biases: array<f32>;
@group(0) @binding(5) var<storage, read_write> scores: array<f32>;

var<workgroup> query: array<vec4<i32>, QUADS>;

@compute @workgroup_size(WORKGROUP)
fn score(@builtin(global_invocation_id) place: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    for (var quad = local; quad < QUADS; quad += WORKGROUP) {
        query[quad] = state.codes[quad];
    }
    workgroupBarrier();
    let item = place.x;
    if item >= ITEMS {
        return;
    }
    if item == 0u {
        // Kept for adjust, even if another step of the encoder comes between.
        for (var term = 0u; term < TERMS; term++) {
            state.gates[term] = state.state_gates[term] + call.open[term];
        }
    }
    var sum = 0;
    for (var word = 0u; word < WORDS; word++) {
        let codes = rows[item * WORDS + word];
        sum += dot(unpack(codes.x), query[4u * word]);
        sum += dot(unpack(codes.y), query[4u * word + 1u]);
        sum += dot(unpack(codes.z), query[4u * word + 2u]);
        sum += dot(unpack(codes.w), query[4u * word + 3u]);
    }
    let popularity_gate = state.state_gates[0] + call.open[0];
    scores[item] = f32(sum) * (state.scale * scales[item]) + popularity_gate * biases[item];
}

// Four int8 codes, lowest byte first.
fn unpack(codes: u32) -> vec4<i32> {
    return (vec4<i32>(bitcast<i32>(codes)) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u);
}
