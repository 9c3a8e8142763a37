document.documentElement.classList.add('js');
const rows = [...document.querySelectorAll('.probes tbody tr')];
const buttons = [...document.querySelectorAll('.find button')];
const words = document.querySelector('.find input');
const count = document.querySelector('.find output');
let group = 'all';
function show() {
  const wanted = words.value.trim().toLowerCase();
  let shown = 0;
  for (const row of rows) {
    const inGroup = group === 'all' || row.dataset.groups.split(' ').includes(group);
    row.hidden = !inGroup || !row.textContent.toLowerCase().includes(wanted);
    shown += row.hidden ? 0 : 1;
  }
  count.value = shown + ' of ' + rows.length;
}
for (const button of buttons) {
  button.addEventListener('click', () => {
    group = button.dataset.group;
    for (const other of buttons) other.setAttribute('aria-pressed', String(other === button));
    show();
  });
}
words.addEventListener('input', show);
show();
