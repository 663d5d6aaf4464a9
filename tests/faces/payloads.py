"""Three hundred texts that act where somebody takes them for markup: as file names, URLs, error texts, headers.

Each of them sets ``window.hurt`` if a browser obeys it. None needs the network. ``ALL`` is the list; ``NAMES`` are the
same without slashes, fit to be the last part of a path.
"""

from __future__ import annotations

from itertools import product
from typing import Final
from urllib.parse import quote

#: What would be done.
ACT: Final = "window.hurt=1"
#: The question to the page; true when one of them has acted.
HURT: Final = "() => window.hurt !== undefined"

_BARE: Final = (
    "<script>{act}</script>",
    "<ScRiPt>{act}</sCrIpT>",
    "<script>{act}//",
    "<script src=data:text/javascript,{act}></script>",
    "<script type=module>{act}</script>",
    "<img src=x onerror={act}>",
    '<img src="x" onerror="{act}">',
    "<img src=`x` onerror=`{act}`>",
    "<img/src=x/onerror={act}>",
    "<IMG SRC=x OnErRoR={act}>",
    "<img src onerror={act}>",
    "<img srcset=x onerror={act}>",
    "<image src=x onerror={act}>",
    "<picture><source srcset=x><img onerror={act}></picture>",
    "<svg onload={act}>",
    "<svg/onload={act}>",
    "<svg><script>{act}</script></svg>",
    "<svg><animate onbegin={act} attributeName=x dur=1s>",
    "<svg><set onbegin={act} attributeName=x to=1>",
    "<svg><image href=x onerror={act}></svg>",
    "<svg><foreignObject><img src=x onerror={act}></foreignObject></svg>",
    "<math><mtext><img src=x onerror={act}></mtext></math>",
    "<body onload={act}>",
    "<iframe onload={act}></iframe>",
    '<iframe srcdoc="<script>parent.{act}</script>"></iframe>',
    "<iframe src=javascript:parent.{act}></iframe>",
    "<object data=javascript:{act} onerror={act}></object>",
    "<embed src=x onerror={act}>",
    "<video src=x onerror={act}></video>",
    "<video><source onerror={act}></video>",
    "<audio src=x onerror={act}></audio>",
    "<details open ontoggle={act}>x</details>",
    "<input autofocus onfocus={act}>",
    "<select autofocus onfocus={act}></select>",
    "<textarea autofocus onfocus={act}></textarea>",
    "<button autofocus onfocus={act}>x</button>",
    "<a href=javascript:{act} autofocus onfocus={act}>x</a>",
    "<div tabindex=1 autofocus onfocus={act}>x</div>",
    "<marquee onstart={act}>x</marquee>",
    "<style onload={act}></style>",
    "<style>@import 'data:text/css,x'</style><img src=x onerror={act}>",
    "<link rel=stylesheet href=data:text/css,x onload={act}>",
    "<link rel=stylesheet href=x onerror={act}>",
    "<base href=javascript:{act}//>",
    "<meta http-equiv=refresh content='0;url=javascript:{act}'>",
    "<form action=javascript:{act}><input type=submit autofocus onfocus={act}></form>",
    "<template><img src=x onerror={act}></template><img src=x onerror={act}>",
    "<xmp><img src=x onerror={act}></xmp><img src=x onerror={act}>",
    "<noscript><img src=x onerror={act}></noscript><img src=x onerror={act}>",
    "<dialog open onclose={act}><img src=x onerror={act}></dialog>",
    "<x-y style=animation:a onanimationstart={act}>x</x-y>",
    '<p style="background:url(javascript:{act})">x</p>',
    "<table background=javascript:{act}><tr><td><img src=x onerror={act}>",
)
#: What closes the place in which a careless page would have put the text.
_OUT_OF: Final = ("", '">', "'>", "-->", "]]>", "</td></tr></table>", "</title></textarea></script></style>")
_ODD: Final = (
    '" onmouseover="{act}" autofocus onfocus="{act}',
    "' autofocus onfocus='{act}",
    "` autofocus onfocus=`{act}",
    'x" style="animation:a" onanimationstart="{act}',
    "javascript:{act}",
    "JaVaScRiPt:{act}",
    "java\tscript:{act}",
    "\x01javascript:{act}",
    "data:text/html,<script>{act}</script>",
    "[x](javascript:{act})",
    '![x](x"onerror="{act})',
    "<javascript:{act}>",
    "{{{{constructor.constructor('{act}')()}}}}",
    "${{{act}}}",
    "#{{{act}}}",
    "<%= {act} %>",
    "{{% raw %}}<img src=x onerror={act}>{{% endraw %}}",
    "$\\href{{javascript:{act}}}{{x}}$",
    "$$\\unicode{{<img src=x onerror={act}>}}$$",
    "</script><script>{act}</script>",
    "</SCRIPT ><script>{act}</script>",
    "';{act};'",
    '";{act};"',
    "\\';{act};//",
    "\\u003cimg src=x onerror={act}\\u003e",
    "\\x3cimg src=x onerror={act}\\x3e",
    "&lt;img src=x onerror={act}&gt;",
    "&#60;img src=x onerror={act}&#62;",
    "&amp;lt;img src=x onerror={act}&amp;gt;",
    "\ufeff<img src=x onerror={act}>",
    "\u202e<img src=x onerror={act}>",
    "\u2028<img src=x onerror={act}>",
    "<\x00img src=x onerror={act}>",
    "<img\x0csrc=x\x0conerror={act}>",
    "\uff1cimg src=x onerror={act}\uff1e",
    "\x1b]8;;javascript:{act}\x1b\\x\x1b]8;;\x1b\\",
    "\x1b[2J<img src=x onerror={act}>",
    "<img src=x onerror={act}>\n<script>{act}</script>",
    "<!--><img src=x onerror={act}>-->",
    "<![CDATA[><img src=x onerror={act}>]]>",
)


def _made() -> list[str]:
    bare = [text.format(act=ACT) for text in _BARE]
    odd = [text.format(act=ACT) for text in _ODD]
    nested = [out + text for out, text in product(_OUT_OF, bare[:32])]
    coded = [quote(text) for text in bare[:20]]
    made = list(dict.fromkeys([*bare, *odd, *nested, *coded]))
    return made[:300]


ALL: Final = _made()
#: One path component each; a closing tag loses its slash, most act without one.
NAMES: Final = [text.replace("/", "\u2215").replace("\\", "\u2216") for text in ALL]
assert len(set(NAMES)) == len(ALL) == 300
