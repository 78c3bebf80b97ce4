// What each piece of beat_evidence.h counts. Written by bench/ears_fit; not by hand.
#pragma once

#include "analyze/beat_evidence.h"

namespace cd {

inline constexpr Evidence kTempoWeights{
    1.202,  // octaves
    -3.715,  // octaves²
    -2.978,  // fast
    0.3643,  // slow
    -0.2079,  // file
    0.9504,  // file 2^n
    0.9142,  // file 4n
    0.08727,  // file 3n
    -0.05743,  // file 8n
    0.2219,  // file odd
    0.03416,  // file <4
    -0.4639,  // part
    2.558,  // part 2^n
    0.6968,  // part 4n
    1.062,  // part 3n
    -0.9288,  // part 8n
    0.9211,  // part odd
    -2.109,  // part <4
    -1.563,  // log2 beats
    2.202,  // all 1/4
    4.036,  // all 1/3
    -1.155,  // all 1/2
    -1.162,  // all 2/3
    -2.321,  // all 3/4
    1.415,  // all 1
    2.936,  // all 3/2
    -4.323,  // all 2
    0.8152,  // all 3
    -2.224,  // all 4
    1.591,  // all 8
    3.688,  // line 1/2
    0.0442,  // line 1
    2.801,  // line 2
    1.035,  // line 4
    -2.672,  // low 1/2
    0.2882,  // low 1
    0.692,  // low 2
    5.669,  // low 4
    0.07157,  // mid 1/2
    -0.003211,  // mid 1
    2.495,  // mid 2
    -1.026,  // mid 4
    0.7714,  // high 1/2
    1.167,  // high 1
    2.047,  // high 2
    1.195,  // high 4
    0.8736,  // on beat
    0.3267,  // on half
    1.584,  // on quarters
    -0.3283,  // on thirds
    2.973,  // flatness
    0.2974,  // low on beat
    0.4088,  // low on half
    0.1851,  // low on quarters
    -0.6932,  // density
    -0.5778,  // density²
    0.02788,  // peak
};

}  // namespace cd
