// What each piece of beat_evidence.h counts. Written by bench/ears_fit; not by hand.
#pragma once

#include "analyze/beat_evidence.h"

namespace cd {

inline constexpr Evidence kTempoWeights{
    0.5326,  // octaves
    -3.594,  // octaves²
    -4.394,  // fast
    -0.6308,  // slow
    -0.1193,  // file
    1.467,  // file 2^n
    0.8069,  // file 4n
    -0.5464,  // file 3n
    -0.9409,  // file 8n
    0.6274,  // file odd
    -0.2731,  // file <4
    -0.6338,  // part
    2.761,  // part 2^n
    0.9775,  // part 4n
    0.6301,  // part 3n
    -1.22,  // part 8n
    1.286,  // part odd
    -2.069,  // part <4
    -0.1799,  // log2 beats
    1.962,  // all 1/4
    2.388,  // all 1/3
    -0.9866,  // all 1/2
    -0.8795,  // all 2/3
    -1.155,  // all 3/4
    3.103,  // all 1
    3.362,  // all 3/2
    -2.832,  // all 2
    1.504,  // all 3
    -1.891,  // all 4
    2.336,  // all 8
    4.111,  // line 1/2
    0.612,  // line 1
    3.817,  // line 2
    1.126,  // line 4
    -0.5648,  // low 1/2
    0.11,  // low 1
    -0.7311,  // low 2
    6.273,  // low 4
    -0.0717,  // mid 1/2
    -0.8506,  // mid 1
    0.8659,  // mid 2
    -0.3725,  // mid 4
    0.8088,  // high 1/2
    0.4465,  // high 1
    1.934,  // high 2
    1.236,  // high 4
    0.6375,  // on beat
    0.2871,  // on half
    1.69,  // on quarters
    -0.2665,  // on thirds
    4.439,  // flatness
    0.3465,  // low on beat
    0.3187,  // low on half
    0.356,  // low on quarters
    -0.3213,  // density
    -0.8319,  // density²
    0.08723,  // peak
};

}  // namespace cd
