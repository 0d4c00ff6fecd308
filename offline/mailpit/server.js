// maildev on Mailpit's ports, in memory's bounds: a mail of at most 5 MB, the newest 500 mails, 25 MB together.
const maildev = require('/opt/maildev/lib/node_modules/maildev')

const MAIL_BYTES = 5e6
const MAILS = 500
const TOTAL_BYTES = 25e6

const server = maildev({ smtp: 1025, web: 8025, ip: '0.0.0.0', silent: true })
// Announced to clients, which are refused when they announce a larger mail; smtp-server reads it at each connection.
server.smtp.options.size = MAIL_BYTES

server.on('new', () => {
  const total = () => server.store.reduce((sum, mail) => sum + mail.size, 0)
  while (server.store.length > MAILS || (server.store.length > 1 && total() > TOTAL_BYTES)) {
    const before = server.store.length
    server.deleteEmail(server.store[0].id, (error) => { if (error) console.error(`mail not deleted: ${error}`) })
    if (server.store.length === before) break
  }
})

server.listen((error) => {
  if (error) throw error
  console.log('mail catcher: SMTP on 1025, page on 8025')
})
