// Four int8 codes times four of the query's int16 codes, where devices multiply four bytes at once. A code of the query
// is 256 times its high byte plus its low one, which is kept less 128 so that it is signed too.

var<workgroup> query: array<vec2<u32>, QUADS>;

fn keep(quad: u32, codes: vec4<i32>) {
    query[quad] = vec2(pack4xI8(codes >> vec4<u32>(8u)), pack4xI8((codes & vec4<i32>(255)) - 128));
}

fn product(codes: u32, quad: u32) -> i32 {
    let both = query[quad];
    return 256 * dot4I8Packed(codes, both.x) + dot4I8Packed(codes, both.y) + 128 * dot4I8Packed(codes, 0x01010101u);
}
