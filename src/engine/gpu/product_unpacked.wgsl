// Four int8 codes times four of the query's int16 codes: unpacked, on any device.

var<workgroup> query: array<vec4<i32>, QUADS>;

fn keep(quad: u32, codes: vec4<i32>) {
    query[quad] = codes;
}

// The lowest byte is the first code.
fn product(codes: u32, quad: u32) -> i32 {
    let unpacked = (vec4<i32>(bitcast<i32>(codes)) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u);
    return dot(unpacked, query[quad]);
}
