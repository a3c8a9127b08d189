use super::*;

/// Numbers of every kind, eight at a time: bounds, single bits, and whatever comes.
fn numbers() -> Vec<[u64; LANES]> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut all = vec![[0; LANES], [u64::MAX; LANES]];
    all.push([
        0,
        1,
        (1 << 52) - 1,
        1 << 52,
        1 << 63,
        (1 << 63) - 1,
        u64::MAX - 1,
        u64::MAX,
    ]);
    all.push([63, 64, 65, 0, 1, 51, 52, 1 << 32]);
    all.push(std::array::from_fn(|lane| 1 << (9 * lane)));
    all.extend((0..20).map(|_| std::array::from_fn(|_| next())));
    all
}

/// Eight results of a function of numbers.
fn each<const N: usize>(
    inputs: [[u64; LANES]; N],
    function: impl Fn([u64; N]) -> u64,
) -> [u64; LANES] {
    std::array::from_fn(|lane| function(inputs.map(|input| input[lane])))
}

/// A bit per lane.
fn mask(a: [u64; LANES], b: [u64; LANES], holds: impl Fn(u64, u64) -> bool) -> Mask {
    (0..LANES).fold(0, |mask, lane| {
        mask | Mask::from(holds(a[lane], b[lane])) << lane
    })
}

struct Longs;

impl Kernel<Ifma> for Longs {
    type Output = ();

    #[inline(always)]
    fn run(self, ifma: Ifma) {
        let all = numbers();
        for (at, a) in all.iter().copied().enumerate() {
            let (b, c) = (all[(at + 1) % all.len()], all[(at * 7 + 3) % all.len()]);
            longs(ifma, a, b, c);
            longs(ifma, a, a, b);
            moves(ifma, a, b);
        }
    }
}

/// Every operation within 64-bit lanes.
fn longs(ifma: Ifma, a: [u64; LANES], b: [u64; LANES], c: [u64; LANES]) {
    const LOW: u64 = (1 << 52) - 1;
    let product = |x: u64, y: u64| u128::from(x & LOW) * u128::from(y & LOW);
    let cut = |number: u128| u64::try_from(number & u128::from(LOW)).unwrap();
    let [x, y, z] = U64x8::from_arrays(ifma, [a, b, c]);
    assert_eq!(x.to_array(), a);
    assert_eq!(U64x8::from_array(ifma, b).to_array(), b);
    assert_eq!(U64x8::zero(ifma).to_array(), [0; LANES]);
    let splats = U64x8::splat_all(ifma, [a[0], a[7]]);
    assert_eq!(splats.map(U64x8::to_array), [[a[0]; LANES], [a[7]; LANES]]);
    assert_eq!(U64x8::splat(ifma, a[3]).to_array(), [a[3]; LANES]);
    let results = [
        (x.add(y), each([a, b], |[x, y]| x.wrapping_add(y))),
        (x.sub(y), each([a, b], |[x, y]| x.wrapping_sub(y))),
        (x.mul(y), each([a, b], |[x, y]| x.wrapping_mul(y))),
        (x.and(y), each([a, b], |[x, y]| x & y)),
        (x.or(y), each([a, b], |[x, y]| x | y)),
        (
            x.shl_by(y),
            each([a, b], |[x, y]| if y < 64 { x << y } else { 0 }),
        ),
        (
            x.shr_by(y),
            each([a, b], |[x, y]| if y < 64 { x >> y } else { 0 }),
        ),
        (
            z.madd_low(x, y),
            each([a, b, c], |[x, y, z]| z.wrapping_add(cut(product(x, y)))),
        ),
        (
            z.madd_high(x, y),
            each([a, b, c], |[x, y, z]| {
                z.wrapping_add(cut(product(x, y) >> 52))
            }),
        ),
        (x.shl::<0>(), a),
        (x.shl::<13>(), each([a], |[x]| x << 13)),
        (x.shr::<51>(), each([a], |[x]| x >> 51)),
        (
            x.shr_signed::<52>(),
            each([a], |[x]| (x.cast_signed() >> 52).cast_unsigned()),
        ),
        (x.rotate_right::<41>(), each([a], |[x]| x.rotate_right(41))),
        (
            x.ternary::<0x96>(y, z),
            each([a, b, c], |[x, y, z]| x ^ y ^ z),
        ),
        (
            x.ternary::<0xca>(y, z),
            each([a, b, c], |[x, y, z]| x & y | !x & z),
        ),
        (
            x.ternary::<0xe8>(y, z),
            each([a, b, c], |[x, y, z]| x & y | x & z | y & z),
        ),
    ];
    for (number, (result, expected)) in results.into_iter().enumerate() {
        assert_eq!(
            result.to_array(),
            expected,
            "{number}: {a:x?} {b:x?} {c:x?}"
        );
    }
    assert_eq!(x.equal(y), mask(a, b, |x, y| x == y));
    assert_eq!(x.equal(x), Mask::MAX);
    assert_eq!(x.below(y), mask(a, b, |x, y| x < y));
}

/// Every operation that moves 64-bit lanes.
fn moves(ifma: Ifma, a: [u64; LANES], b: [u64; LANES]) {
    let [x, y] = U64x8::from_arrays(ifma, [a, b]);
    let results = [
        (
            x.unpack_low(y),
            [a[0], b[0], a[2], b[2], a[4], b[4], a[6], b[6]],
        ),
        (
            x.unpack_high(y),
            [a[1], b[1], a[3], b[3], a[5], b[5], a[7], b[7]],
        ),
        (
            x.pairs::<0b01_10_00_11>(y),
            [a[6], a[7], a[0], a[1], b[4], b[5], b[2], b[3]],
        ),
        (x.pick(y), each([a], |[x]| b[(x & 7) as usize])),
        (
            x.select(0b1010_0110, y),
            std::array::from_fn(|lane| [a, b][0b1010_0110 >> lane & 1][lane]),
        ),
    ];
    for (number, (result, expected)) in results.into_iter().enumerate() {
        assert_eq!(result.to_array(), expected, "{number}: {a:x?} {b:x?}");
    }
}

#[test]
fn every_operation_with_lanes_of_64_bits_is_that_of_integers() {
    let Some(ifma) = Ifma::detect() else {
        println!("skipped: this CPU has no AVX-512 IFMA");
        return;
    };
    run_ifma(ifma, Longs);
}

type Words = [u32; WIDE_LANES];

fn bytes_of(words: Words) -> [u8; 64] {
    let mut bytes = [0; 64];
    for (chunk, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        *chunk = word.to_le_bytes();
    }
    bytes
}

fn words_of(vector: U32x16) -> Words {
    let bytes = vector.to_bytes();
    std::array::from_fn(|lane| u32::from_le_bytes(bytes.as_chunks::<4>().0[lane]))
}

struct Words32;

impl Kernel<Wide> for Words32 {
    type Output = ();

    #[inline(always)]
    fn run(self, wide: Wide) {
        let halves = |numbers: [u64; LANES]| -> Words {
            std::array::from_fn(|lane| {
                let [low, high] = [numbers[lane / 2] & 0xffff_ffff, numbers[lane / 2] >> 32];
                u32::try_from([low, high][lane % 2]).unwrap()
            })
        };
        let all = numbers();
        for (at, a) in all.iter().copied().enumerate() {
            let (b, c) = (all[(at + 1) % all.len()], all[(at * 7 + 3) % all.len()]);
            words32(wide, halves(a), halves(b), halves(c));
        }
    }
}

/// Every operation with 32-bit lanes. Those that move lanes do so within each quarter of 128 bits, or whole quarters.
fn words32(wide: Wide, a: Words, b: Words, c: Words) {
    let [x, y, z] = [a, b, c].map(|words| U32x16::from_bytes(wide, bytes_of(words)));
    assert_eq!(x.to_bytes(), bytes_of(a));
    assert_eq!(words_of(U32x16::splat(wide, a[5])), [a[5]; WIDE_LANES]);
    let lanes = |of: &dyn Fn(usize) -> u32| -> Words { std::array::from_fn(of) };
    // The lane of a quarter that comes to lie at `lane`, and from which of the two.
    let unpacked = |from: [(usize, usize); 4]| {
        lanes(&|lane| {
            let (which, place) = from[lane % 4];
            [a, b][which][lane / 4 * 4 + place]
        })
    };
    let shuffled: [u8; 64] = std::array::from_fn(|at| {
        let place = bytes_of(b)[at];
        let from = at / 16 * 16 + usize::from(place % 16);
        if place >= 128 { 0 } else { bytes_of(a)[from] }
    });
    assert_eq!(x.shuffle_bytes(y).to_bytes(), shuffled);
    let results = [
        (x.add(y), lanes(&|at| a[at].wrapping_add(b[at]))),
        (
            x.unpack_low_32(y),
            unpacked([(0, 0), (1, 0), (0, 1), (1, 1)]),
        ),
        (
            x.unpack_high_32(y),
            unpacked([(0, 2), (1, 2), (0, 3), (1, 3)]),
        ),
        (
            x.unpack_low_64(y),
            unpacked([(0, 0), (0, 1), (1, 0), (1, 1)]),
        ),
        (
            x.unpack_high_64(y),
            unpacked([(0, 2), (0, 3), (1, 2), (1, 3)]),
        ),
        // Places 1 and 3 of the one, 0 and 2 of the other.
        (
            x.quarters::<0b10_00_11_01>(y),
            lanes(&|at| {
                let quarter = [1, 3, 0, 2][at / 4];
                [a, b][at / 8][quarter * 4 + at % 4]
            }),
        ),
        (x.shr::<7>(), lanes(&|at| a[at] >> 7)),
        (x.rotate_right::<25>(), lanes(&|at| a[at].rotate_right(25))),
        (x.ternary::<0x96>(y, z), lanes(&|at| a[at] ^ b[at] ^ c[at])),
        (
            x.select(0xa5c6, y),
            lanes(&|at| [a, b][0xa5c6 >> at & 1][at]),
        ),
    ];
    for (number, (result, expected)) in results.into_iter().enumerate() {
        assert_eq!(words_of(result), expected, "{number}: {a:x?} {b:x?} {c:x?}");
    }
}

#[test]
fn every_operation_with_lanes_of_32_bits_is_that_of_integers() {
    let Some(wide) = Wide::detect() else {
        println!("skipped: this CPU has no AVX-512");
        return;
    };
    run_wide(wide, Words32);
}

#[test]
fn every_function_that_is_unsafe_inside_is_called_by_these_tests() {
    let (code, tests) = (include_str!("../vector.rs"), include_str!("tests.rs"));
    let lines = code.lines().filter(|line| !line.trim().starts_with("//"));
    let functions = lines.filter_map(|line| {
        let (_, rest) = line.split_once("fn ")?;
        let name = rest.split(['(', '<']).next()?;
        (!name.starts_with('$')).then_some(name)
    });
    // Of traits and of what is generic: `run` is implemented here, `from` and `enabled` are called by the others.
    let called_within = ["run", "from", "enabled"];
    let mut count = 0;
    for name in functions.filter(|name| !called_within.contains(name)) {
        count += 1;
        let calls = [".", "::", " "].map(|before| [before, name, "("].concat());
        let with_number = [".", name, "::<"].concat();
        let is_called = calls
            .iter()
            .chain([&with_number])
            .any(|call| tests.contains(call));
        assert!(is_called, "{name}");
    }
    assert!(count > 30, "{count}");
}
