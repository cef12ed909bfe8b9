// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// GET /docs: a page that renders /openapi.json for people.
#include "server/endpoint.hpp"
#include "server/openapi.hpp"

namespace fractile::server {
namespace {

std::string_view docs_page() noexcept {
  return R"html(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>fractile server</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
h1{font-size:1.6rem}h2{font-size:1.15rem;margin:2rem 0 .4rem;border-top:1px solid #d0d7de;padding-top:1rem}
.verb{display:inline-block;min-width:3.5rem;font:600 .8rem monospace;color:#fff;background:#0b6e4f;border-radius:.3rem;padding:.15rem .4rem;text-align:center}
.verb.post{background:#1f4e9e}code,pre{font:13px/1.45 ui-monospace,monospace}pre{background:#f6f8fa;padding:.8rem;overflow:auto;border-radius:.4rem}
table{border-collapse:collapse;width:100%;font-size:.92rem}td,th{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid #eaeef2}
@media (prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}pre{background:#161b22}td,th{border-color:#30363d}h2{border-color:#30363d}}
</style></head><body><h1>fractile server</h1><p id="about">Loading <code>/openapi.json</code> ...</p><div id="paths"></div><div id="schemas"></div>
<script>
const text=(tag,value,parent)=>{const e=document.createElement(tag);e.textContent=value;parent.append(e);return e};
const table=(head,rows,parent)=>{const t=document.createElement('table');const h=text('tr','',t);head.forEach(x=>text('th',x,h));
rows.forEach(r=>{const tr=text('tr','',t);r.forEach((x,i)=>{const td=text('td','',tr);text(i==0?'code':'span',x,td)})});parent.append(t)};
fetch('/openapi.json').then(r=>r.json()).then(s=>{
 document.getElementById('about').textContent='Version '+s.info.version+'. The same description as JSON: /openapi.json';
 const paths=document.getElementById('paths');
 for(const [path,verbs] of Object.entries(s.paths))for(const [verb,op] of Object.entries(verbs)){
  const h=text('h2','',paths);const v=text('span',verb.toUpperCase(),h);v.className='verb '+verb;text('code',' '+path,h);
  text('p',op.summary+'.',paths);
  if(op.requestBody)text('p','Body: '+Object.keys(op.requestBody.content).join(', '),paths);
  if(op.parameters)table(['query parameter','meaning'],op.parameters.map(p=>[p.name,p.description||JSON.stringify(p.schema)]),paths);
  table(['status','meaning'],Object.entries(op.responses).map(([c,r])=>[c,r.description]),paths);
 }
 const schemas=document.getElementById('schemas');text('h2','Options of config',schemas);
 const c=s.components.schemas.Config.properties;
 table(['option','default','meaning'],Object.entries(c).map(([n,o])=>[n,JSON.stringify(o.default),o.description+(o.enum?' One of '+o.enum.join(', ')+'.':'')]),schemas);
 text('h2','Schemas',schemas);text('pre',JSON.stringify(s.components.schemas,null,1),schemas);
}).catch(e=>{document.getElementById('about').textContent='Could not read /openapi.json: '+e});
</script></body></html>
)html";
}

Answer answer_docs(Request&, const ServerState&, const Interrupt&) {
  Answer answer;
  answer.content_type = "text/html; charset=utf-8";
  answer.body = docs_page();
  return answer;
}

Json describe_docs(bool) {
  return describe_get("docs", "A page that shows this description", text_answer("text/html", "HTML."), {});
}

}  // namespace

Endpoint docs_endpoint() { return {.path = "/docs", .is_open = true, .answer = answer_docs, .describe = describe_docs}; }

}  // namespace fractile::server
