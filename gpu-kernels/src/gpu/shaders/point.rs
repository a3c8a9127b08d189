//! Points of the curve -x^2 + y^2 = 1 + d x^2 y^2, in the coordinates of Hisil, Wong, Carter and Dawson (2008).
//!
//! The formulas are complete: they hold for every pair of points, so no item needs a case of its own. Coordinates of what
//! is no point give other numbers, within the same limits.

use super::emit::{Code, FunctionId, Limits, Parameter, Program, StructId, Type, Value};
use super::field::Field;

/// d = -121665 / 121666 (RFC 8032, section 5.1), in words, the lowest first.
pub(crate) const D: [u64; 4] = [
    0x75eb_4dca_1359_78a3,
    0x0070_0a4d_4141_d8ab,
    0x8cc7_4079_7779_e898,
    0x5203_6cee_2b6f_fe73,
];
/// 2 d.
pub(crate) const D2: [u64; 4] = [
    0xebd6_9b94_26b2_f159,
    0x00e0_149a_8283_b156,
    0x198e_80f2_eef3_d130,
    0x2406_d9dc_56df_fce7,
];
/// A square root of -1: 2^((p - 1) / 4).
pub(crate) const SQRT_M1: [u64; 4] = [
    0xc4ee_1b27_4a0e_a0b0,
    0x2f43_1806_ad2f_e478,
    0x2b4d_0099_3dfb_d7a7,
    0x2b83_2480_4fc1_df0b,
];

/// The weights of the fields of a sum before its last four products.
const COMPLETED: [u64; 4] = [1, 3, 1, 2];
/// The weights of a point.
const CARRIED: [u64; 4] = [1; 4];

/// What code on points calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Points {
    pub(crate) field: Field,
    types: Types,
    double: FunctionId,
    extended: FunctionId,
    add: FunctionId,
    add_affine: FunctionId,
}

#[derive(Clone, Copy, Debug)]
struct Types {
    extended: StructId,
    completed: StructId,
    cached: StructId,
    affine: StructId,
}

impl Types {
    fn define(program: &mut Program, field: Field) -> Self {
        let mut structure = |name, fields: &[&str]| {
            let fields = fields.iter().map(|name| ((*name).to_owned(), field.ty()));
            program.structure(name, fields.collect())
        };
        Self {
            extended: structure("Extended", &["x", "y", "z", "t"]),
            completed: structure("Completed", &["e", "f", "g", "h"]),
            cached: structure("Cached", &["plus", "minus", "z2", "t2d"]),
            affine: structure("AffineCached", &["plus", "minus", "t2d"]),
        }
    }
}

impl Points {
    /// Adds the functions to a program.
    pub(crate) fn define(program: &mut Program, field: Field) -> Self {
        let types = Types::define(program, field);
        let parameter = |name, ty, weights: &[u64]| Parameter {
            name,
            ty: Type::Struct(ty),
            limits: limits(field, weights),
        };
        let completed = parameter("c", types.completed, &COMPLETED);
        let extended = parameter("p", types.extended, &CARRIED);
        let negative = Parameter {
            name: "negative",
            ty: Type::Bool,
            limits: vec![1],
        };
        let double = program.function(
            "pt_double",
            vec![completed.clone()],
            limits(field, &COMPLETED),
            |code, arguments| double(code, field, types, arguments[0]),
        );
        let to_extended = program.function(
            "pt_extended",
            vec![completed],
            limits(field, &CARRIED),
            |code, arguments| {
                let [x, y, z] = projective(code, field, arguments[0]);
                let [e, _, _, h] = code.fields(arguments[0]);
                let t = field.mul(code, h, e);
                code.structure(types.extended, vec![x, y, z, t])
            },
        );
        let cached = parameter("q", types.cached, &CARRIED);
        let add_cached = program.function(
            "pt_add",
            vec![extended.clone(), cached, negative.clone()],
            limits(field, &COMPLETED),
            |code, arguments| {
                let [plus, minus, z2, t2d] = code.fields(arguments[1]);
                let z = code.field(arguments[0], 2);
                let zz = field.mul(code, z, z2);
                let other = [plus, minus, t2d];
                add(code, field, types, arguments[0], zz, other, arguments[2])
            },
        );
        let affine = parameter("q", types.affine, &CARRIED[..3]);
        let add_affine = program.function(
            "pt_add_affine",
            vec![extended, affine, negative],
            limits(field, &COMPLETED),
            |code, arguments| {
                let z = code.field(arguments[0], 2);
                let zz = field.carry(code, field.add(code, z, z));
                let other = code.fields(arguments[1]);
                add(code, field, types, arguments[0], zz, other, arguments[2])
            },
        );
        Self {
            field,
            types,
            double,
            extended: to_extended,
            add: add_cached,
            add_affine,
        }
    }

    /// What the limbs of a sum before its last products are limited to.
    pub(crate) fn completed_limits(self) -> Limits {
        limits(self.field, &COMPLETED)
    }

    /// The limits of the same, one field after another.
    pub(crate) fn completed_fields(self) -> [Limits; 4] {
        COMPLETED.map(|weight| self.field.limits(weight))
    }

    /// A sum before its last products: X = E F, Y = G H, Z = F G, T = E H.
    pub(crate) fn completed(self, code: &Code<'_>, fields: [Value; 4]) -> Value {
        code.structure(self.types.completed, fields.to_vec())
    }

    /// The point with Z = 1 of these fields in that form: E = 2 x, F = G = 2, H = 2 y.
    pub(crate) fn completed_affine(self, code: &Code<'_>, [plus, minus, _]: [Value; 3]) -> Value {
        let two = self.field.small(code, 2);
        let twice_x = self.field.sub(code, plus, minus, 1);
        let twice_y = self.field.add(code, plus, minus);
        self.completed(code, [self.field.carry(code, twice_x), two, two, twice_y])
    }

    /// The fields of the point's negative.
    pub(crate) fn negate_affine(
        self,
        code: &Code<'_>,
        [plus, minus, t2d]: [Value; 3],
    ) -> [Value; 3] {
        [minus, plus, self.field.negate(code, t2d)]
    }

    /// A point made ready to be added: Y + X, Y - X, 2 Z, 2 d T.
    pub(crate) fn cached(self, code: &Code<'_>, fields: [Value; 4]) -> Value {
        code.structure(self.types.cached, fields.to_vec())
    }

    /// The neutral element made ready to be added.
    pub(crate) fn neutral(self, code: &Code<'_>) -> Value {
        let fields = [1, 1, 2, 0].map(|number| self.field.small(code, number));
        self.cached(code, fields)
    }

    /// What the limbs of a point made ready to be added are limited to.
    pub(crate) fn cached_limits(self) -> Limits {
        limits(self.field, &CARRIED)
    }

    /// The fields of one made ready to be added, for a point.
    pub(crate) fn make_cached(self, code: &Code<'_>, extended: Value) -> [Value; 4] {
        let field = self.field;
        let [x, y, z, t] = code.fields(extended);
        [
            field.carry(code, field.add(code, y, x)),
            field.carry(code, field.sub(code, y, x, 1)),
            field.carry(code, field.add(code, z, z)),
            field.mul(code, t, field.constant(code, D2)),
        ]
    }

    /// A point with Z = 1 made ready to be added: y + x, y - x, 2 d x y.
    pub(crate) fn affine(self, code: &Code<'_>, fields: [Value; 3]) -> Value {
        code.structure(self.types.affine, fields.to_vec())
    }

    /// The fields of that, for carried coordinates.
    pub(crate) fn make_affine(self, code: &Code<'_>, x: Value, y: Value) -> [Value; 3] {
        let field = self.field;
        let t = field.mul(code, x, y);
        [
            field.carry(code, field.add(code, y, x)),
            field.carry(code, field.sub(code, y, x, 1)),
            field.mul(code, t, field.constant(code, D2)),
        ]
    }

    /// Twice a sum.
    pub(crate) fn double(self, code: &Code<'_>, completed: Value) -> Value {
        code.call(self.double, &[completed])
    }

    /// The last products of a sum.
    pub(crate) fn extended(self, code: &Code<'_>, completed: Value) -> Value {
        code.call(self.extended, &[completed])
    }

    /// Whether twice a sum is the neutral element. That is so for the points with x = 0, which are that and (0, -1); and
    /// x = E / G.
    pub(crate) fn is_neutral_twice(self, code: &Code<'_>, completed: Value) -> Value {
        let e = code.field(completed, 0);
        self.field.is_zero(code, self.field.canonical(code, e))
    }

    /// The sum, or the difference where `negative` holds.
    pub(crate) fn add(
        self,
        code: &Code<'_>,
        extended: Value,
        cached: Value,
        negative: Value,
    ) -> Value {
        code.call(self.add, &[extended, cached, negative])
    }

    /// The same for a point with Z = 1.
    pub(crate) fn add_affine(
        self,
        code: &Code<'_>,
        extended: Value,
        affine: Value,
        negative: Value,
    ) -> Value {
        code.call(self.add_affine, &[extended, affine, negative])
    }
}

fn limits(field: Field, weights: &[u64]) -> Limits {
    weights
        .iter()
        .flat_map(|weight| field.limits(*weight))
        .collect()
}

fn projective(code: &Code<'_>, field: Field, completed: Value) -> [Value; 3] {
    let [e, f, g, h] = code.fields(completed);
    [
        field.mul(code, f, e),
        field.mul(code, h, g),
        field.mul(code, f, g),
    ]
}

/// F and H have both changed their sign, which spares a subtraction and changes no point.
fn double(code: &Code<'_>, field: Field, types: Types, completed: Value) -> Value {
    let [x, y, z] = projective(code, field, completed);
    let [xx, yy, zz] = [x, y, z].map(|coordinate| field.square(code, coordinate));
    let both = field.carry(code, field.add(code, x, y));
    let both = field.square(code, both);
    let h = field.add(code, xx, yy);
    let e = field.carry(code, field.sub(code, both, h, 2));
    let g = field.carry(code, field.sub(code, yy, xx, 1));
    let twice = field.add(code, zz, zz);
    let f = field.carry(code, field.sub(code, twice, g, 1));
    code.structure(types.completed, vec![e, f, g, h])
}

/// The negative of a point has its sum and difference exchanged, and -T; which exchanges F and G.
fn add(
    code: &Code<'_>,
    field: Field,
    types: Types,
    extended: Value,
    zz: Value,
    [plus, minus, t2d]: [Value; 3],
    negative: Value,
) -> Value {
    let [x, y, _, t] = code.fields(extended);
    let (to_minus, to_plus) = (
        code.select(negative, plus, minus),
        code.select(negative, minus, plus),
    );
    let a = field.mul(code, field.sub(code, y, x, 1), to_minus);
    let b = field.mul(code, field.add(code, y, x), to_plus);
    let c = field.mul(code, t, t2d);
    let (less, more) = (field.sub(code, zz, c, 1), field.add(code, zz, c));
    let e = field.carry(code, field.sub(code, b, a, 1));
    let f = code.select(negative, more, less);
    let g = field.carry(code, code.select(negative, less, more));
    let h = field.add(code, b, a);
    code.structure(types.completed, vec![e, f, g, h])
}
