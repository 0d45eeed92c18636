// Shows /openapi.yaml with Swagger UI, and the guide in its description with a
// list of contents.

const dark = matchMedia('(prefers-color-scheme: dark)')
const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches)
dark.addEventListener('change', follow)
follow()

// Swagger UI lays out bit by bit; the list is made once the guide is there.
function listContents() {
  const guide = [...document.querySelectorAll('.information-container .renderedMarkdown h2')]
  const groups = [...document.querySelectorAll('.opblock-tag, .webhooks h2')]
  document.getElementById('contents').replaceChildren(
    section('Guide', guide.map(heading => [heading.textContent, heading])),
    section('Reference', groups.map(group => [group.dataset.tag ?? group.textContent, group])),
  )
}

function section(title, targets) {
  const list = document.createElement('ul')
  list.append(...targets.map(([name, target]) => entry(name, target)))
  const box = document.createElement('section')
  const heading = document.createElement('h2')
  heading.textContent = title
  box.append(heading, list)
  return box
}

function entry(name, target) {
  const link = document.createElement('a')
  target.id ||= name.toLowerCase().replace(/[^a-z]+/g, '-')
  link.href = '#' + target.id
  link.textContent = name
  const item = document.createElement('li')
  item.append(link)
  return item
}

// Swagger UI leaves its choice of servers without a name for screen readers.
function nameServers() {
  document.getElementById('servers')?.setAttribute('aria-label', 'Server')
}

SwaggerUIBundle({
  url: '/openapi.yaml',
  dom_id: '#docs',
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null, // else the description is sent to swagger.io
  onComplete: () => {
    listContents()
    nameServers()
  },
})
